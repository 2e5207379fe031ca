"""The tables as queries see them; `migrations` makes them, and a test holds the two equal."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

METADATA = MetaData()
NAME = String(63)

schema_version = Table("schema_version", METADATA, Column("step", Integer, nullable=False))

# One row: every change of what is served takes the next number, and holds the row until it is
# committed, so that whoever has seen a number has seen all before it.
changes = Table("changes", METADATA, Column("value", BigInteger, nullable=False))

models = Table(
    "models",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("latest", Integer, nullable=False),  # number given out: none is given out twice
    Column("change", BigInteger, nullable=False),
    Column("newest", Integer),  # that is not deleted; NULL where there is none, or the model is
    Column("deleted", BigInteger),  # when; its versions stay as they are until it is restored
)

versions = Table(
    "versions",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("artifact", LargeBinary, nullable=False),  # empty once it is purged
    Column("digest", String(64), nullable=False),
    Column("created", BigInteger, nullable=False),  # microseconds since 1970, for people
)

# What is listed of a version, apart from its artifact, which takes ten times longer to read.
cards = Table(
    "cards",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("deleted", BigInteger),  # when
    Column("card", LargeBinary, nullable=False),  # JSON; empty once it is purged
)

aliases = Table(
    "aliases",
    METADATA,
    Column("name", NAME, primary_key=True),
    Column("alias", NAME, primary_key=True),
    Column("number", Integer, nullable=False),
    Column("previous", Integer),
    Column("change", BigInteger, nullable=False),
)

# Requests that came with an Idempotency-Key: see `idempotency`.
attempts = Table(
    "attempts",
    METADATA,
    Column("principal", String(63), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("token", String(32), nullable=False),
    Column("until", BigInteger, nullable=False),  # microseconds since 1970
    Column("answer", LargeBinary),
)

keys = Table(
    "keys",
    METADATA,
    Column("id", String(10), primary_key=True),
    Column("name", NAME, nullable=False),
    Column("scopes", NAME, nullable=False),  # words between spaces
    Column("digest", LargeBinary, nullable=False),
    Column("created", BigInteger, nullable=False),  # seconds since 1970, as the next three
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
    Column("used", BigInteger),
    Column("requests_per_minute", Integer),
    Column("rows_per_minute", BigInteger),
    Column("change", BigInteger, nullable=False),
)

# One line for each change of a key or of what is served, under its number.
audit = Table(
    "audit",
    METADATA,
    Column("change", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),  # microseconds since 1970
    Column("principal", NAME, nullable=False),
    Column("request", String(64)),
    Column("action", NAME, nullable=False),
    Column("subject", String(255), nullable=False),
    Column("detail", Text, nullable=False),  # JSON
)

# Their ids begin with the time and sort by it.
evaluations = Table(
    "evaluations",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("name", Text),
    Column("model", Text),
    Column("version", Text),
    Column("tags", Text, nullable=False),
    Column("options", Text),  # of those that take batches
    Column("slices", Text, nullable=False),  # the values of their columns so far
    Column("closed", BigInteger),  # microseconds since 1970
    Column("summary", Text),
    Column("report", LargeBinary),
)

# The parts of an evaluation, merged, are what it has seen: a batch adds a part, and from time to
# time one takes the place of several.
parts = Table(
    "parts",
    METADATA,
    Column("evaluation", String(32), primary_key=True),
    Column("id", String(32), primary_key=True),
    Column("batches", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

# By key, what was answered; kept as long as the evaluation, so that nothing counts twice.
batches = Table(
    "batches",
    METADATA,
    Column("evaluation", String(32), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("ignored", BigInteger, nullable=False),
)
