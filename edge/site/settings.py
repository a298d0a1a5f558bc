"""What every part of the site file is made of."""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

NAME_PATTERN: Final = r"^[a-z0-9][a-z0-9_.-]{0,63}$"
HOST_PATTERN: Final = r"^[^\s/\x00]+$"
FILE_PATTERN: Final = r"^/[^\x00]+$"
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Host = Annotated[str, Field(pattern=HOST_PATTERN)]


class Settings(BaseModel):
    """Base: immutable, nothing unknown, nothing silently converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class TlsSettings(Settings):
    """Files of the broker's authority and of this gateway's certificate."""

    ca: str
    certificate: str | None = None
    key: str | None = None
