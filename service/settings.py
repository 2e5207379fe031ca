"""The only reader of the environment."""

import os
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "XENT_"
MIB = 2**20


class Settings(BaseSettings):
    """What can be set, each by the environment variable `XENT_` + the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="Server processes")
    data_dir: Path = Field(
        Path("xent-data"), description="Folder of registered models; made with the first of them"
    )
    database_url: SecretStr | None = Field(
        None,
        description="postgresql://user:password@host/name, where several replicas share what is "
        "registered; without it, SQLite in the folder above",
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Least severe log lines: debug, info, warning or error",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web origins that may call, separated by commas; * for any"
    )
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names beside localhost under which a server that is open to its machine "
        "answers, separated by commas; * for any",
    )
    max_json_bytes: int = Field(32 * MIB, ge=1, description="Bytes of a JSON body")
    max_tensor_bytes: int = Field(256 * MIB, ge=1, description="Bytes of a safetensors body")
    max_line_bytes: int = Field(1 * MIB, ge=1, description="Bytes of a line of an NDJSON stream")
    max_part_bytes: int = Field(8 * MIB, ge=1, description="Bytes of a part of a tensor stream")
    max_elements: int = Field(20_000_000, ge=1, description="Array elements of one request")
    max_classes: int = Field(131_072, ge=1, description="Classes, K, of one request")
    max_registry_bytes: int = Field(
        256 * MIB, ge=1, description="Bytes of the registered models that are kept in memory"
    )
    max_open_evaluations: int = Field(
        1000, ge=1, description="Running evaluations that take batches at one time"
    )
    max_evaluation_bytes: int = Field(
        32 * MIB, ge=1024, description="Bytes of the sums of one running evaluation"
    )
    max_training_elements: int = Field(
        10_000_000,
        ge=1,
        description="Rows times features of a training; also rows times classes, and parameters",
    )
    max_training_seconds: int = Field(60, ge=1, le=3600, description="Seconds of a training")
    max_training_bytes: int = Field(
        2048 * MIB, ge=256 * MIB, description="Bytes of memory of the process that trains"
    )
    max_header_bytes: int = Field(16 * 1024, ge=1024, description="Bytes of all request headers")
    # the parser takes no URL of 64 KiB
    max_url_bytes: int = Field(
        8 * 1024, ge=256, le=65_535, description="Bytes of the path and query"
    )
    max_inflight_bytes: int = Field(
        256 * MIB, ge=1024, description="Bytes of all bodies that one process works on at one time"
    )
    max_waiting: int = Field(
        64, ge=0, description="Requests that wait for room; those beyond are refused at once"
    )
    queue_seconds: float = Field(1.0, ge=0, le=60, description="Seconds that each of them waits")
    header_timeout: float = Field(
        10.0, gt=0, le=600, description="Seconds until the headers of a request are whole"
    )
    body_timeout: float = Field(
        30.0,
        gt=0,
        le=600,
        description="Seconds until a body is whole, or has grown by 16 KiB for each of them",
    )
    drain_seconds: float = Field(
        1.0, ge=0, le=600, description="Seconds of service after SIGTERM, with /readyz at 503"
    )
    compiled: bool = Field(
        False,
        description="Loss, gradient and sums of a report by compiled loops; needs the extra fast",
    )
    opentelemetry: bool = Field(
        False, description="Traces and metrics by OpenTelemetry; needs the extra otel"
    )

    @classmethod
    def misspelt(cls) -> list[str]:
        """Variables of the environment with our prefix that are no settings."""
        known = {(PREFIX + name).upper() for name in cls.model_fields}
        return sorted(
            n for n in os.environ if n.upper().startswith(PREFIX) and n.upper() not in known
        )

    @property
    def database(self) -> str:
        """The URL of the database of what is registered; it may hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir / 'xent.db'}"

    @field_validator("host", "data_dir", mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        if value == "":  # which would be every address of the machine, and whatever folder this is
            raise ValueError("must not be empty")
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        url = urlsplit(value.get_secret_value())
        if url.scheme not in ("postgresql", "postgres") or not url.path.strip("/"):
            raise ValueError("must be postgresql://user:password@host:port/name")
        if url.port == 0:  # reading the port raises where it is none
            raise ValueError("must have a port above 0, or none")
        return value

    @field_validator("cors_origins", "allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(entry.strip() for entry in value.split(",") if entry.strip())
