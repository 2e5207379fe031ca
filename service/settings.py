"""The only reader of the environment."""

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "XENT_"
MIB = 2**20


class Settings(BaseSettings):
    """What can be set, each by the environment variable `XENT_` + the name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    host: str = Field("127.0.0.1", description="Address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    workers: int = Field(1, ge=1, le=64, description="Server processes")
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="Least severe log lines: debug, info, warning or error",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Web origins that may call, separated by commas; * for any"
    )
    max_json_bytes: int = Field(32 * MIB, ge=1, description="Bytes of a JSON body")
    max_elements: int = Field(20_000_000, ge=1, description="Array elements of one request")
    max_classes: int = Field(131_072, ge=1, description="Classes, K, of one request")
    max_header_bytes: int = Field(16 * 1024, ge=1024, description="Bytes of all request headers")
    # the parser takes no URL of 64 KiB
    max_url_bytes: int = Field(
        8 * 1024, ge=256, le=65_535, description="Bytes of the path and query"
    )

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(origin.strip() for origin in value.split(",") if origin.strip())
