"""Links in messages about the roster: a message's id, signed. The first press binds it to that phone."""

from datetime import datetime
from typing import Final

from itsdangerous import BadSignature, Signer

from server.access.secrets import hash_secret
from server.access.tables import Phone
from server.db.session import WriteSession
from server.people.rostertables import RosterMessage

_SALT: Final = "gridwarden-duty"


class DutyLinks:
    """Makes and reads the tokens of messages about the roster."""

    def __init__(self, key: bytes) -> None:
        """Sign with a key that outlives restarts."""
        self._signer = Signer(key, salt=_SALT)

    def make(self, message: str) -> str:
        """Return the token of a message."""
        return self._signer.sign(message).decode()

    def read(self, token: str) -> str | None:
        """Return the id of the message of a token; None when it was never made here."""
        try:
            return self._signer.unsign(token).decode()
        except (BadSignature, UnicodeDecodeError):
            return None


def is_of_another_phone(message: RosterMessage, phone: str | None) -> bool:
    """Tell whether a message's link was pressed on another phone before."""
    return message.phone_hash is not None and (phone is None or hash_secret(phone) != message.phone_hash)


async def bind_message(session: WriteSession, message: RosterMessage, phone: str, *, now: datetime) -> None:
    """Bind a message's link to the phone that first pressed it; a bound one stays as it is."""
    if message.phone_hash is not None:
        return
    message.phone_hash, message.bound_at = hash_secret(phone), now
    if await session.get(Phone, (message.phone_hash, message.person)) is None:
        session.add(Phone(phone_hash=message.phone_hash, person=message.person, bound_at=now))
