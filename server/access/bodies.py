"""What the interface to accounts and keys takes and gives."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from server.access.model import AccessRole, Grant, Right
from server.people.model import Scope

_Name = Annotated[str, Field(min_length=1, max_length=60)]
_Password = Annotated[str, Field(min_length=1, max_length=200)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class GrantBody(_In):
    """A role for a place; `code` is the place's, empty for the street."""

    role: AccessRole
    scope: Scope
    code: Annotated[str, Field(max_length=40)] = ""

    def grant(self) -> Grant:
        """Return it as the services take it."""
        return Grant(role=self.role, scope=self.scope, code=self.code)


class AccountIn(_In):
    """A new account."""

    name: _Name
    password: Annotated[str, Field(max_length=200)] = ""
    """Empty for one that signs in through another system, or by key."""
    person: Annotated[str, Field(max_length=40)] | None = None
    grants: Annotated[list[GrantBody], Field(max_length=100)] = []


class GrantsIn(_In):
    """The roles of an account, all of them."""

    grants: Annotated[list[GrantBody], Field(max_length=100)]


class PasswordIn(_In):
    """A new password."""

    password: _Password


class OwnPasswordIn(_In):
    """A change of one's own password."""

    old: _Password
    new: _Password


class CodeIn(_In):
    """A code of the second factor."""

    code: Annotated[str, Field(min_length=6, max_length=40)]


class LoginIn(_In):
    """Who an account is in another system."""

    issuer: Annotated[str, Field(min_length=1, max_length=200)]
    """The OpenID issuer, or `wecom:<corporation>`."""
    subject: Annotated[str, Field(min_length=1, max_length=200)]


class KeyIn(_In):
    """A new key."""

    account: _Name
    title: Annotated[str, Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=366)] = 90


class GrantOut(BaseModel):
    """A role that is held for a place."""

    model_config = ConfigDict(from_attributes=True)

    role: AccessRole
    scope: Scope
    code: str


class AccountOut(BaseModel):
    """An account; `grants` has those of its person's duties too."""

    name: str
    person: str | None
    grants: list[GrantOut]
    second_factor: bool
    has_password: bool
    disabled: bool
    created_at: datetime


class OwnOut(BaseModel):
    """Who one is, and what one may do."""

    account: str
    person: str | None
    grants: list[GrantOut]
    rights: list[Right]
    second_factor: bool
    recovery_codes_left: int


class SessionOut(BaseModel):
    """A log-in that lives."""

    id: str
    this_one: bool
    source: str
    agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime


class KeyOut(BaseModel):
    """A key, without its secret."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    account: str = Field(validation_alias="operator")
    title: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None


class NewKeyOut(BaseModel):
    """A key just made; shown this once."""

    key: str


class EnrolmentOut(BaseModel):
    """What an authenticator application is given; `picture` is the same as a QR code."""

    secret: str
    address: str
    picture: str


class RecoveryOut(BaseModel):
    """Recovery codes; shown this once."""

    recovery_codes: list[str]


class EndedOut(BaseModel):
    """How many log-ins ended."""

    ended: int
