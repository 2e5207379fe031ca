"""The schema, as a numbered list of steps; each is done once, in one transaction."""

from collections.abc import Callable

from sqlalchemy import Connection, Engine, func, insert, inspect, select, update

from service.errors import Code, Unavailable
from service.registry.cards import add_facts_to_cards, write_missing_cards
from service.registry.schema import schema_version

# What is here was done to somebody's database: a change of the schema is a new step at the end.
# {bytes} and {bytewise} are what the two databases spell differently.
STEPS: tuple[tuple[str | Callable[[Connection], None], ...], ...] = (
    (
        "CREATE TABLE changes (value BIGINT NOT NULL)",
        "INSERT INTO changes (value) VALUES (0)",
        """CREATE TABLE models (
            name VARCHAR(63) NOT NULL PRIMARY KEY,
            latest INTEGER NOT NULL,
            change BIGINT NOT NULL
        )""",
        "CREATE INDEX models_change ON models (change)",
        """CREATE TABLE versions (
            name VARCHAR(63) NOT NULL REFERENCES models (name),
            number INTEGER NOT NULL,
            artifact {bytes} NOT NULL,
            digest VARCHAR(64) NOT NULL,
            created BIGINT NOT NULL,
            PRIMARY KEY (name, number)
        )""",
        """CREATE TABLE aliases (
            name VARCHAR(63) NOT NULL REFERENCES models (name),
            alias VARCHAR(63) NOT NULL,
            number INTEGER NOT NULL,
            previous INTEGER,
            change BIGINT NOT NULL,
            PRIMARY KEY (name, alias),
            FOREIGN KEY (name, number) REFERENCES versions (name, number)
        )""",
    ),
    (
        """CREATE TABLE attempts (
            principal VARCHAR(63) NOT NULL,
            key VARCHAR(255) NOT NULL,
            request VARCHAR(64) NOT NULL,
            token VARCHAR(32) NOT NULL,
            until BIGINT NOT NULL,
            answer {bytes},
            PRIMARY KEY (principal, key)
        )""",
        "CREATE INDEX attempts_until ON attempts (until)",
    ),
    (
        """CREATE TABLE keys (
            id VARCHAR(10) NOT NULL PRIMARY KEY,
            name VARCHAR(63) NOT NULL,
            scopes VARCHAR(63) NOT NULL,
            digest {bytes} NOT NULL,
            created BIGINT NOT NULL,
            expires BIGINT,
            revoked BIGINT,
            used BIGINT,
            requests_per_minute INTEGER,
            rows_per_minute BIGINT,
            change BIGINT NOT NULL
        )""",
        "CREATE INDEX keys_change ON keys (change)",
        """CREATE TABLE audit (
            change BIGINT NOT NULL PRIMARY KEY,
            at BIGINT NOT NULL,
            principal VARCHAR(63) NOT NULL,
            request VARCHAR(64),
            action VARCHAR(63) NOT NULL,
            subject VARCHAR(255) NOT NULL,
            detail TEXT NOT NULL
        )""",
    ),
    (
        "ALTER TABLE models ADD COLUMN newest INTEGER",
        "ALTER TABLE models ADD COLUMN deleted BIGINT",
        "UPDATE models SET newest = latest",
        'CREATE INDEX models_bytewise ON models (name COLLATE "{bytewise}")',
        """CREATE TABLE cards (
            name VARCHAR(63) NOT NULL,
            number INTEGER NOT NULL,
            deleted BIGINT,
            card {bytes} NOT NULL,
            PRIMARY KEY (name, number),
            FOREIGN KEY (name, number) REFERENCES versions (name, number)
        )""",
        "CREATE INDEX cards_deleted ON cards (name, number) WHERE deleted IS NOT NULL",
        write_missing_cards,
    ),
    (
        """CREATE TABLE evaluations (
            id VARCHAR(32) NOT NULL PRIMARY KEY,
            name TEXT,
            model TEXT,
            version TEXT,
            tags TEXT NOT NULL,
            options TEXT,
            slices TEXT NOT NULL,
            closed BIGINT,
            summary TEXT,
            report {bytes}
        )""",
        "CREATE INDEX evaluations_model ON evaluations (model, id)",
        "CREATE INDEX evaluations_version ON evaluations (model, version, id)",
        "CREATE INDEX evaluations_open ON evaluations (id) WHERE closed IS NULL",
        """CREATE TABLE parts (
            evaluation VARCHAR(32) NOT NULL REFERENCES evaluations (id),
            id VARCHAR(32) NOT NULL,
            batches BIGINT NOT NULL,
            state {bytes} NOT NULL,
            PRIMARY KEY (evaluation, id)
        )""",
        """CREATE TABLE batches (
            evaluation VARCHAR(32) NOT NULL REFERENCES evaluations (id),
            key TEXT NOT NULL,
            digest VARCHAR(64) NOT NULL,
            count BIGINT NOT NULL,
            ignored BIGINT NOT NULL,
            PRIMARY KEY (evaluation, key)
        )""",
    ),
    (add_facts_to_cards,),
)
LOCK = 0x58656E74  # of this list in PostgreSQL: "Xent"


def migrate(reader: Engine, writer: Engine) -> None:
    """Brings the schema to the last step.

    Raises:
        Unavailable: a newer Xent made the database.
    """
    with reader.begin() as connection:
        done = _done(connection)
    if done == len(STEPS):
        return
    with writer.begin() as connection:
        postgresql = connection.dialect.name == "postgresql"
        if postgresql:  # another replica may be at it
            connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
        done = _done(connection)
        if done > len(STEPS):
            text = f"the store has schema {done}; this Xent knows {len(STEPS)} and is too old"
            raise Unavailable(Code.STORE_UNAVAILABLE, text)
        if done == 0:
            schema_version.create(connection, checkfirst=True)
            connection.execute(insert(schema_version).values(step=0))
        for statements in STEPS[done:]:
            for statement in statements:
                if callable(statement):
                    statement(connection)
                    continue
                kind, order = ("BYTEA", "C") if postgresql else ("BLOB", "BINARY")
                text = statement.replace("{bytes}", kind).replace("{bytewise}", order)
                connection.exec_driver_sql(text)
        connection.execute(update(schema_version).values(step=len(STEPS)))


def _done(connection: Connection) -> int:
    if not inspect(connection).has_table(schema_version.name):
        return 0
    return int(connection.execute(select(schema_version.c.step)).scalar_one())
