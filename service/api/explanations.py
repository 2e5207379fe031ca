"""What each code of an error means to HTTP and to people."""

from dataclasses import dataclass

from service.errors import Code


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a code means: its HTTP status, and what `/problems/{code}` says of it."""

    status: int
    title: str
    text: str


EXPLANATIONS: dict[Code, Explanation] = {
    Code.INVALID_JSON: Explanation(
        400,
        "Not JSON",
        "The body is not one UTF-8 JSON document. The bare words NaN and Infinity, numbers "
        'beyond float64 such as 1e400 and trailing bytes are not JSON; spell "NaN", '
        '"Infinity" and "-Infinity" as strings.',
    ),
    Code.EMPTY_BODY: Explanation(400, "Empty body", "This call takes a JSON object."),
    Code.INVALID_TENSOR_FILE: Explanation(
        400,
        "Not a tensor file",
        "The body is not one safetensors file: 8 bytes for the length of the header, the header "
        "in JSON, and the tensors one after the other up to the last byte.",
    ),
    Code.INVALID_COMPRESSION: Explanation(
        400,
        "Damaged compression",
        "The body is not one whole stream of what Content-Encoding says: gzip or zstd, one layer.",
    ),
    Code.INVALID_CSV: Explanation(
        400,
        "Not CSV",
        "The file is not one UTF-8 table: a first line with the names of the columns, then rows of "
        "as many cells, separated by commas, quoted by double quotes.",
    ),
    Code.INVALID_PARQUET: Explanation(
        400, "Not Parquet", "The file is not one Parquet table of plain columns."
    ),
    Code.INVALID_ARROW: Explanation(
        400, "Not Arrow", "The file is not one whole Arrow file or stream of plain columns."
    ),
    Code.INVALID_ONNX: Explanation(
        400,
        "Not ONNX",
        "The bytes are not an ONNX model, or one of its tensors does not hold what it says.",
    ),
    Code.INVALID_STATE: Explanation(
        400, "Not an evaluation state", "The bytes are not the state of an evaluation."
    ),
    Code.INVALID_MODEL_FILE: Explanation(
        400, "Not a model file", "The bytes are not a model file, or one that was altered."
    ),
    Code.INVALID_DIGEST: Explanation(
        400,
        "Not a digest",
        "Content-Digest and Repr-Digest are as RFC 9530 has them, such as sha-256=:...: with the "
        "digest of the body in base64; sha-512 is read as well, other algorithms are not.",
    ),
    Code.DIGEST_MISMATCH: Explanation(
        400,
        "Digest does not match",
        "The body that arrived is not the one whose digest was declared; nothing was registered.",
    ),
    Code.NOT_AN_OBJECT: Explanation(
        422, "Not an object", "The body is JSON, but the call takes one object with members."
    ),
    Code.UNKNOWN_MEMBER: Explanation(
        422,
        "Unknown member",
        "The request has a member that this call does not know; often a spelling mistake.",
    ),
    Code.DUPLICATE_MEMBER: Explanation(
        422, "Duplicate member", "A member is given twice, so the request has two meanings."
    ),
    Code.MISSING_MEMBER: Explanation(
        422, "Missing member", "The call needs a member that is absent, or null."
    ),
    Code.CONFLICTING_MEMBERS: Explanation(
        422,
        "Conflicting members",
        "Members exclude each other, such as labels and targets, or mean nothing together.",
    ),
    Code.INVALID_OPTION: Explanation(
        422, "Invalid option", "An option has the wrong type or lies outside its range."
    ),
    Code.NOT_A_NUMBER: Explanation(
        422,
        "Not a number",
        "A numeric array holds a boolean, a string other than the three spellings of "
        "non-finite numbers, null or an object.",
    ),
    Code.NOT_A_LABEL: Explanation(
        422,
        "Not a label",
        "A label is a class index or, where classes are known, a class name; for binary "
        "losses 0, 1, false or true.",
    ),
    Code.NOT_AN_ARRAY: Explanation(422, "Not an array", "An array is needed here."),
    Code.UNSUPPORTED_DTYPE: Explanation(
        422,
        "Unsupported tensor type",
        "Numbers are tensors of F64, F32, F16, BF16 or integers; labels also of BOOL.",
    ),
    Code.RAGGED_ARRAY: Explanation(
        422, "Ragged array", "The rows of an array differ in length, or a number stands alone."
    ),
    Code.EMPTY_ROW: Explanation(422, "Empty row", "A row of an array has no cells."),
    Code.SHAPE_MISMATCH: Explanation(
        422, "Shape mismatch", "Two arrays that belong together differ in shape."
    ),
    Code.MISSING_VALUE: Explanation(
        422,
        "Missing value",
        "A cell of a table is empty. No number stands for what is missing: fill it in, or leave "
        "its row or its column out.",
    ),
    Code.NAN_VALUE: Explanation(
        422,
        "NaN",
        "A value that enters the computation is NaN. Rows with an ignored label or a sample "
        "weight of 0 may hold anything.",
    ),
    Code.INFINITE_VALUE: Explanation(
        422, "Infinite value", "An Infinity stands where only finite numbers mean something."
    ),
    Code.IMPOSSIBLE_ROW: Explanation(
        422,
        "Impossible row",
        "Every logit of a row is -Infinity, so no class is possible and softmax has no value.",
    ),
    Code.AMBIGUOUS_ROW: Explanation(
        422, "Ambiguous row", "Two logits of a row are +Infinity: only one can be certain."
    ),
    Code.LABEL_OUT_OF_RANGE: Explanation(
        422, "Label out of range", "With K classes a label is an integer from 0 to K - 1."
    ),
    Code.UNKNOWN_LABEL: Explanation(
        422, "Unknown label", "A label or a class weight names a class that does not exist."
    ),
    Code.PROBABILITY_OUT_OF_RANGE: Explanation(
        422, "Probability out of range", "A probability or target lies outside [0, 1]."
    ),
    Code.NOT_NORMALIZED: Explanation(
        422,
        "Row does not sum to 1",
        "A row of probabilities or targets sums to something else. normalize "
        '"renormalize" divides each row by its sum, "off" takes rows as they are.',
    ),
    Code.NEGATIVE_WEIGHT: Explanation(422, "Negative weight", "A weight is a number >= 0."),
    Code.ZERO_PROBABILITY: Explanation(
        422,
        "Probability 0 for what is true",
        'The loss is infinite there, and zero_probability "reject" refuses it.',
    ),
    Code.WEIGHT_OVERFLOW: Explanation(
        422, "Weights overflow", "The weights add up to more than float64 can hold."
    ),
    Code.EMPTY_REDUCTION: Explanation(
        422,
        "Mean of nothing",
        "No sample enters, or all weights are 0, so a mean does not exist. The sum is 0.",
    ),
    Code.TOO_MANY_SLICES: Explanation(
        422,
        "Too many slices",
        "A report takes 20 columns of slices, with 1,000 different values each.",
    ),
    Code.DIALECT_UNSUPPORTED: Explanation(
        422,
        "Not in this dialect",
        "The library has no call for this loss, member or option, or refuses the data itself; "
        "nothing is approximated. docs/dialects.md lists what each dialect takes.",
    ),
    Code.UNSUPPORTED_MODEL: Explanation(
        422,
        "Not a linear classifier",
        "The graph is more than one linear map with or without softmax; the detail names the "
        "operator, tensor or attribute that is not understood.",
    ),
    Code.NOT_CALIBRATED: Explanation(
        422,
        "No held-out scores",
        "A coverage or an error is found from scores of rows that the model was not fitted to, and "
        "a distance from the training rows; this model keeps none. A model trained with the option "
        "abstention does; a threshold of probability, margin, entropy, lac or aps works with any.",
    ),
    Code.UNKNOWN_LOSS: Explanation(404, "Unknown loss", "GET /v1/losses lists the losses."),
    Code.UNKNOWN_PICTURE: Explanation(
        404,
        "No such picture",
        "There is no picture of that name, or nothing to draw it from; the detail says which, and "
        "docs/pictures.md shows those that there are.",
    ),
    Code.UNKNOWN_MODEL: Explanation(404, "Unknown model", "GET /v1/models lists the models."),
    Code.UNKNOWN_VERSION: Explanation(
        404, "Unknown version", "GET /v1/models/{name}/versions lists the versions."
    ),
    Code.UNKNOWN_KEY: Explanation(404, "Unknown key", "GET /v1/keys lists the keys by their ids."),
    Code.UNKNOWN_PROBLEM: Explanation(
        404, "Unknown problem code", "GET /problems lists the codes."
    ),
    Code.SHIPPED_MODEL: Explanation(
        409, "Model that ships", "The models that ship stay as they are; take another name."
    ),
    Code.STORE_FULL: Explanation(
        507,
        "Store full",
        "The disk that holds what is registered is full. Nothing was stored; scoring goes on.",
    ),
    Code.STORE_UNAVAILABLE: Explanation(
        503,
        "Store unavailable",
        "The database of what is registered cannot be used now, or did not confirm a change, which "
        "may or may not have been made: look before it is sent again. Models in memory go on "
        "being served.",
    ),
    Code.UNKNOWN_ALIAS: Explanation(
        404, "Unknown alias", "The model has no alias of that name; xent promote makes one."
    ),
    Code.NOTHING_BEFORE: Explanation(
        409, "Nothing before", "The alias has never stood for another version."
    ),
    Code.INVALID_CURSOR: Explanation(
        422,
        "Not a cursor",
        "Where a page begins is told by next of the page before, and by nothing else; without "
        "after a list begins with its first entry.",
    ),
    Code.ALIASED: Explanation(
        409,
        "An alias stands for it",
        "A version that an alias stands for is not deleted: move the alias, or delete it, first.",
    ),
    Code.MODEL_DELETED: Explanation(
        409,
        "Model is deleted",
        "The name belongs to a model that is deleted and can be restored; purge it to use the name "
        "again.",
    ),
    Code.NOT_DELETED: Explanation(
        409,
        "Not deleted",
        "Purging removes bytes for good, and is done only to what was deleted before.",
    ),
    Code.DAMAGED_ARTIFACT: Explanation(
        500,
        "Damaged model file",
        "The stored file of a version does not have the digest that it was stored with. It is not "
        "served, and the fault is logged; restore the database from a copy, or delete the version.",
    ),
    Code.UNKNOWN_EVALUATION: Explanation(
        404,
        "Unknown evaluation",
        "There is no evaluation of that id, or it was deleted. GET /v1/evaluations lists them.",
    ),
    Code.EVALUATION_CLOSED: Explanation(
        409,
        "Evaluation closed",
        "The evaluation takes no more batches: it was closed, or stored with all its rows at once.",
    ),
    Code.EVALUATION_TOO_LARGE: Explanation(
        413,
        "Evaluation too large",
        "With this batch the sums of a running evaluation, by class, bin and slice, would take "
        "more room than the limit. Nothing of the batch was counted.",
    ),
    Code.TOO_MANY_OPEN: Explanation(
        409,
        "Too many open evaluations",
        "As many evaluations take batches as the limit allows. Close or delete one.",
    ),
    Code.OUTDATED_STATE: Explanation(
        409,
        "State of another version",
        "The evaluation was opened by a version of Xent whose sums have another form. That version "
        "can close it; its rows cannot be carried over.",
    ),
    Code.STALE: Explanation(
        412,
        "Changed since then",
        "Somebody else has changed it between the look and the change; look again, then decide.",
    ),
    Code.CONDITION_MISSING: Explanation(
        428,
        "Without a condition",
        "Two who change one thing must not overwrite each other: send If-Match with the ETag of "
        "what you have seen, or If-None-Match: * to make what is not there.",
    ),
    Code.INVALID_IDEMPOTENCY_KEY: Explanation(
        400,
        "Not an idempotency key",
        "Idempotency-Key is sent once, as 1 to 255 printable ASCII characters between double "
        'quotes, such as "2f6a1c9e"; a UUID that the client makes is a good one.',
    ),
    Code.IDEMPOTENCY_KEY_MISSING: Explanation(
        400,
        "Idempotency key missing",
        "This call is only taken with an Idempotency-Key, so that it can be sent again safely.",
    ),
    Code.IDEMPOTENCY_KEY_REUSED: Explanation(
        422,
        "Idempotency key reused",
        "The key belongs to a request with another method, path, query or body. A key is made for "
        "one request and sent again only with the very same.",
    ),
    Code.KEY_MADE_BEFORE: Explanation(
        409,
        "API key made before",
        "A request to make an API key was sent again with its Idempotency-Key. There is one key, "
        "and its text was in the first answer alone; if that was lost, revoke the key and make "
        "another with a new Idempotency-Key.",
    ),
    Code.ATTEMPT_RUNNING: Explanation(
        409,
        "First attempt still at work",
        "A request with this Idempotency-Key is being worked on; the same request is answered "
        "with its result once it is done.",
    ),
    Code.TRAINING_TOO_LARGE: Explanation(
        413,
        "Training too large",
        "The rows, features and classes of a training together need more numbers or memory than "
        "the limit in the text; nothing was registered.",
    ),
    Code.TRAINING_TOO_LONG: Explanation(
        413,
        "Training too long",
        "The fit did not end within the limit in the text and was stopped; nothing was registered. "
        "Fewer rows, a larger tolerance or fewer max_iterations end it sooner.",
    ),
    Code.BODY_TOO_LARGE: Explanation(
        413, "Body too large", "GET /limits tells every limit and the setting that moves it."
    ),
    Code.TOO_MANY_ELEMENTS: Explanation(
        413, "Too many elements", "The arrays of one request together hold too many numbers."
    ),
    Code.TOO_MANY_CLASSES: Explanation(
        413, "Too many classes", "The class axis is longer than the limit."
    ),
    Code.NESTING_TOO_DEEP: Explanation(
        413, "Nesting too deep", "Arrays are nested deeper than any shape that is served."
    ),
    Code.KEY_MISSING: Explanation(
        401,
        "Key needed",
        "The call needs a key, as Authorization: Bearer <key>; xent keys create makes one. As long "
        "as there are none, a server on a loopback address answers everybody, and any other only "
        "scores.",
    ),
    Code.KEY_INVALID: Explanation(
        401,
        "No such key",
        "What was sent is no key of this store: cut short, mistyped, of another store, or not sent "
        "as Authorization: Bearer <key>.",
    ),
    Code.KEY_EXPIRED: Explanation(401, "Key expired", "The key had an end, which has passed."),
    Code.KEY_REVOKED: Explanation(401, "Key revoked", "The key was revoked, which is for good."),
    Code.SCOPE_MISSING: Explanation(
        403,
        "Scope missing",
        "The key is in force but not for this. Scopes are fixed when a key is made: make another.",
    ),
    Code.RATE_EXCEEDED: Explanation(
        429,
        "Over the rate of the key",
        "The key has used up its requests or rows of a minute; RateLimit tells what is left, and "
        "the same request may be sent again after the seconds in Retry-After.",
    ),
    Code.HOST_NOT_ALLOWED: Explanation(
        421,
        "Not a name of this server",
        "A server that is open to this machine alone answers to localhost and loopback addresses, "
        "so that no web page can reach it under a name of its own; XENT_ALLOWED_HOSTS adds names.",
    ),
    Code.NOT_FOUND: Explanation(404, "Not found", "There is nothing at this path."),
    Code.METHOD_NOT_ALLOWED: Explanation(
        405, "Method not allowed", "The path exists; Allow lists the methods it takes."
    ),
    Code.NOT_ACCEPTABLE: Explanation(
        406, "Not acceptable", "Accept asks for a media type that this call cannot answer in."
    ),
    Code.UNSUPPORTED_MEDIA_TYPE: Explanation(
        415,
        "Unsupported media type",
        "Bodies are application/json or application/vnd.safetensors; data to train on also "
        "text/csv, models to import also ONNX; the detail names what this one has to be.",
    ),
    Code.UNSUPPORTED_ENCODING: Explanation(
        415,
        "Unsupported content encoding",
        "Bodies may be sent with Content-Encoding gzip or zstd.",
    ),
    Code.URL_TOO_LONG: Explanation(414, "URL too long", "The path and query are too long."),
    Code.HEADERS_TOO_LARGE: Explanation(
        431, "Headers too large", "The request headers are too large."
    ),
    Code.BAD_REQUEST: Explanation(
        400, "Bad request", "The request breaks HTTP, or its body never arrived whole."
    ),
    Code.REQUEST_TIMEOUT: Explanation(
        408,
        "Request too slow",
        "The headers or the body did not arrive in time, and the connection was closed.",
    ),
    Code.NOT_INSTALLED: Explanation(
        501,
        "Not installed here",
        "The format or the picture needs a package that this installation does not have; the "
        "detail names the extra of Xent's that brings it.",
    ),
    Code.OVERLOADED: Explanation(
        503,
        "Over capacity",
        "More bytes of requests came at one time than the server takes in. Nothing was computed: "
        "the same request may be sent again after the seconds in Retry-After.",
    ),
    Code.DRAINING: Explanation(
        503, "Draining", "The process was told to end; send requests to another one."
    ),
    Code.INTERNAL_ERROR: Explanation(
        500,
        "Internal error",
        "A fault of the service, logged under the request id; the request was not at fault.",
    ),
}
