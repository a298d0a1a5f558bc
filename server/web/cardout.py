"""The card of an item as JSON, and what of it somebody who is signed in may see."""

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select

from server.access.model import Right
from server.access.scopes import people_within
from server.access.service import SignedIn
from server.audit.views import note_view
from server.db.session import Database, ReadSession
from server.items.card import Card, Viewer
from server.items.model import ItemState
from server.people.model import Role
from server.people.tables import Person
from server.web.language import translations
from server.web.stored import place
from wire.vocabulary import ActionState, AlarmClass, Condition, Kind, Measure, Mode, Quality


class _Part(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class CardPlaceOut(_Part):
    """Where it is."""

    text: str
    building: str
    floor: str
    door: str
    device: str


class CardSureOut(_Part):
    """How sure it is."""

    value: float | None
    unit: str
    limit: float | None
    measure: Measure
    window_ms: int
    voters: list[dict[str, Any]]
    votes_needed: int
    quality: Quality
    condition: Condition
    waits_for_reset: bool
    over: bool
    count: int
    sentence: str


class CardDoneOut(_Part):
    """What the gateway did by itself."""

    action: str
    device: str
    state: ActionState
    confirmed: bool
    detail: str


class CardKnowsOut(_Part):
    """Somebody who knows."""

    person: str
    name: str
    role: Role | None
    told_at: datetime | None
    accepted: bool
    refused: bool


class CardCallOut(_Part):
    """Whom to call."""

    person: str
    name: str
    role: Role | None
    phone: str | None
    """Null where the asker may not see it or none is known."""


class CardCameraOut(_Part):
    """The camera that shows the place best."""

    name: str
    address: str | None
    metres: int | None


class CardOut(_Part):
    """What somebody who may act needs to know, in the order of need."""

    what: str
    kind: Kind
    class_: AlarmClass = Field(serialization_alias="class")
    mode: Mode
    state: ItemState
    where: CardPlaceOut
    since: datetime
    sure: CardSureOut | None
    do_now: list[str]
    """At most three short lines; none once it is closed."""
    done: list[CardDoneOut]
    knows: list[CardKnowsOut]
    call: list[CardCallOut]
    camera: CardCameraOut | None

    @classmethod
    def of(cls, card: Card, language: str) -> Self:
        """Return a card as JSON, its title and its place in the reader's language."""
        where = CardPlaceOut.model_validate(card.where)
        shown = {"text": place(where.text, language), "device": place(where.device, language)}
        what = translations(language).gettext(card.what)
        return cls.model_validate(card).model_copy(
            update={"what": what, "where": where.model_copy(update=shown)}
        )


async def viewer_of(session: ReadSession, who: SignedIn, *, english: bool) -> Viewer:
    """Return what somebody who is signed in may see of a card: of people, those within their reach."""
    reach = who.reach_of(Right.SEE_PEOPLE)
    known = None
    if not reach.street:
        known = set(await session.scalars(select(Person.code).where(people_within(reach))))
    return Viewer(
        english=english,
        numbers_of=known,
        names_of=known,
        camera_address=Right.SEE_DEVICES in who.rights,
    )


async def note_numbers(database: Database, card: Card, who: SignedIn, *, now: datetime) -> None:
    """Write down whose numbers a card shows to somebody who is signed in."""
    shown = [one.person for one in card.call if one.phone]
    await note_view(database, shown, by=who.operator, now=now, urgent=True)
