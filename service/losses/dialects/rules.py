"""The rules by which a library's number differs from the exact value, each with its sentence."""

from service.losses.result import Rule

FLOAT32 = Rule(
    "float32", "Every number is rounded to float32, and the arithmetic goes on in float32."
)
ROW_DTYPE = Rule(
    "input_dtype", "The probabilities are worked with in the type they came in, not in float64."
)
REST_VANISHES = Rule(
    "rest_vanishes",
    "The other classes together are less than half a digit beside the largest one, and are lost.",
)
LOG_SOFTMAX_FIRST = Rule(
    "log_softmax_first", "It takes no logits; it is given what F.log_softmax makes of them."
)
CANCELLATION = Rule(
    "cancellation",
    "(1 - y) x - log sigmoid(x) subtracts two nearly equal numbers, and float32 keeps few digits "
    "of their difference.",
)
COMPLEMENT = Rule(
    "complement_rounded",
    "log(1 - p) is taken of the rounded 1 - p, in which a small p has lost digits.",
)
NOT_A_NUMBER = Rule(
    "nan_from_infinity",
    "0 times infinity, or infinity minus infinity, is NaN instead of its limit.",
)
IGNORE_MINUS_100 = Rule(
    "ignore_minus_100", "A label of -100 is left out without being asked to (ignore_index=-100)."
)
MINUS_100_COUNTS = Rule(
    "minus_100_counts_as_0", "The torch backend gives a label of -100 the loss 0, and counts it."
)
MEAN_OF_NOTHING_NAN = Rule("mean_of_nothing_nan", "The mean over no weight at all is 0/0: NaN.")
MEAN_OF_NOTHING_0 = Rule("mean_of_nothing_0", "The mean over no weight at all is 0.")
EMPTY_UNREDUCED = Rule("empty_unreduced", "An empty batch is returned as it is, an empty array.")
DENOMINATOR_COUNT = Rule(
    "denominator_count",
    "The weighted losses are divided by the number of samples, not by the sum of their weights.",
)
DENOMINATOR_ELEMENTS = Rule(
    "denominator_elements",
    "The sum is divided by the number of elements, classes included, not of samples.",
)
UNREDUCED_ELEMENTS = Rule(
    "unreduced_elements",
    "Without a reduction the terms of every class are returned, not their sum.",
)
LOG_AT_LEAST_MINUS_100 = Rule(
    "log_at_least_-100", "Logarithms are held at -100 or above, so that no term exceeds 100."
)
RENORMALIZED = Rule("renormalized", "Each row of probabilities is divided by its sum.")
RENORMALIZED_AFTER_CLIP = Rule(
    "renormalized_after_clip",
    "The logarithms of the clipped probabilities are taken for logits, so that softmax divides "
    "each row by its sum once more.",
)
CLIP_1E_7 = Rule("clip_1e-7", "Probabilities are clipped to [1e-7, 1 - 1e-7].")
CLIP_FLOOR_1E_7 = Rule(
    "clip_1e-7_both", "Both distributions are clipped to [1e-7, 1], the true one included."
)
CLIP_EPS = Rule(
    "clip_eps",
    "Probabilities are clipped to [eps, 1 - eps], eps the spacing at 1 of the type they came in "
    "(2.2e-16 for float64), so that no loss exceeds 36.04 (float64), 15.94 (float32) or 6.93.",
)
SMOOTHING_LAST_AXIS = Rule(
    "smoothing_last_axis",
    "Label smoothing divides by the length of the last axis, whichever axis the classes are on.",
)
MEAN_LAST_AXIS = Rule(
    "mean_last_axis",
    "The losses are averaged over the last axis first; weights and reduction meet these averages.",
)
TEXTBOOK_KL = Rule(
    "textbook_kl", "The sum is that of p log(p/q) alone; the rows do not have the same sum."
)
ALPHA_DEFAULT = Rule(
    "alpha_0.25", "alpha is 0.25 unless class weights give it, so that every loss is divided by 4."
)
Q_DEFAULT = Rule("q_0.5", "q is 0.5 unless given; Xent's default is 0.7.")
UNCLIPPED_FOCUS = Rule(
    "unclipped_focus", "The focal factor sees the probability before it is clipped."
)
FLUSHED = Rule("subnormal_to_0", "A probability below 1.2e-38 (a subnormal number) is taken for 0.")
LOGITS_RECOVERED = Rule(
    "logits_recovered",
    "The probabilities remember the logits they come from, and their cross-entropy is computed "
    "from these, unclipped.",
)
SCALE_BY_HALF = Rule(
    "scale_by_half", "With two classes the score is halved, so that it lies in [0, 1]."
)

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
