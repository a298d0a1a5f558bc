"""What every part of the site file is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]


class Settings(BaseModel):
    """Base: immutable, nothing unknown, nothing silently converted."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TlsSettings(Settings):
    """Files of the broker's authority and of this gateway's certificate."""

    ca: str
    certificate: str | None = None
    key: str | None = None
