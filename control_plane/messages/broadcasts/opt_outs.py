"""Who wants no broadcasts: told by themselves with one word, or noted by the owner of the account."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, delete, or_, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from control_plane.db.tenancy import SystemRepository, TenantRepository
from control_plane.messages.broadcasts.models import OptOut
from control_plane.messages.contacts.models import Contact
from control_plane.messages.models import Message
from control_plane.sessions.models import Session
from control_plane.sessions.transitions import tell
from shared.ids import new_uuid, public_id

_OPT_IN_WORDS = frozenset({"start"})


class OptOutWords:
    """Of this deployment; whoever takes in messages finds them in the session of the database."""

    KEY: ClassVar[str] = "opt_out_words"

    def __init__(self, words: Iterable[str]) -> None:
        self._words = frozenset(word.strip().casefold() for word in words)

    @classmethod
    def of(cls, db: AsyncSession) -> "OptOutWords":
        found: Any = db.info.get(cls.KEY)
        return found if isinstance(found, cls) else cls(())

    def holds(self, text: str) -> bool:
        return text in self._words


class OptOuts(TenantRepository):
    async def add(self, phone: str | None, lid: str | None, reason: str, *, sandbox: bool) -> OptOut:
        """The one that there is, where they have opted out before."""
        new = self.insert(
            OptOut, id=new_uuid(), phone=phone, lid=lid, reason=reason, sandbox=sandbox
        ).on_conflict_do_nothing()
        made = (await self.session.scalars(new.returning(OptOut))).first()
        if made is not None:
            return made
        query = self.select(OptOut).where(OptOut.sandbox == sandbox, _named(OptOut, phone, lid))
        known = (await self.session.scalars(query.order_by(OptOut.created_at))).all()
        _complete(known, phone, lid)
        return known[0]

    async def other_names(self, phone: str | None, lid: str | None) -> tuple[str | None, str | None]:
        """Both names, as far as any session of the account knows them."""
        query = self.select(Contact).where(_named(Contact, phone, lid), Contact.merged_into.is_(None))
        known = (await self.session.scalars(query.order_by(Contact.created_at.desc()))).first()
        return (phone or known.phone, lid or known.lid) if known is not None else (phone, lid)

    async def page(
        self, after: tuple[datetime, uuid.UUID] | None, limit: int, *, only_sandbox: bool
    ) -> Sequence[OptOut]:
        query = self.select(OptOut).order_by(OptOut.created_at.desc(), OptOut.id.desc()).limit(limit)
        if only_sandbox:
            query = query.where(OptOut.sandbox)
        if after is not None:
            query = query.where(tuple_(OptOut.created_at, OptOut.id) < after)
        return (await self.session.scalars(query)).all()

    async def remove(self, opt_out_id: uuid.UUID, *, only_sandbox: bool) -> bool:
        gone = self.delete(OptOut).where(OptOut.id == opt_out_id)
        if only_sandbox:
            gone = gone.where(OptOut.sandbox)
        return (await self.session.scalar(gone.returning(OptOut.id))) is not None


class StoredOptOuts(SystemRepository):
    async def note(self, session: Session, phone: str | None, lid: str | None, reason: str) -> bool:
        """False where they have opted out before; a name of theirs that was not known then is added."""
        row = {"user_id": session.user_id, "sandbox": session.sandbox, "phone": phone, "lid": lid}
        new = insert(OptOut).values(id=new_uuid(), reason=reason, **row).on_conflict_do_nothing()
        if (await self.session.scalar(new.returning(OptOut.id))) is not None:
            return True
        known = (await self.session.scalars(select(OptOut).where(*_theirs(session, phone, lid)))).all()
        _complete(known, phone, lid)
        return False

    async def forget(self, session: Session, phone: str | None, lid: str | None) -> bool:
        gone = delete(OptOut).where(*_theirs(session, phone, lid)).returning(OptOut.id)
        return bool((await self.session.scalars(gone)).all())

    async def among(self, session: Session, names: Iterable[str]) -> set[str]:
        """The names, of these, of people who have opted out."""
        wanted = set(names)
        query = select(OptOut.phone, OptOut.lid).where(
            OptOut.user_id == session.user_id,
            OptOut.sandbox == session.sandbox,
            or_(OptOut.phone.in_(wanted), OptOut.lid.in_(wanted)),
        )
        rows: Any = (await self.session.execute(query)).all()
        return {name for row in rows for name in row if name} & wanted


async def heed(db: AsyncSession, session: Session, message: Message) -> None:
    """What somebody wrote may be the word by which they leave, or come back. The session's row is locked."""
    if message.direction != "inbound" or message.contact_id is None or message.type != "text":
        return
    word = (message.text or "").strip().casefold()
    stored, names = StoredOptOuts(db), (message.phone, message.lid)
    if word in _OPT_IN_WORDS:
        kind, changed = "contact.opted_in", await stored.forget(session, *names)
    elif OptOutWords.of(db).holds(word):
        kind, changed = "contact.opted_out", await stored.note(session, *names, (message.text or "").strip())
    else:
        return
    if changed:
        data = {"contactId": public_id("con", message.contact_id), "phone": names[0], "lid": names[1]}
        told = data | {"messageId": public_id("msg", message.id), "word": (message.text or "").strip()}
        await tell(db, session, kind, told)


def _theirs(session: Session, phone: str | None, lid: str | None) -> tuple[ColumnElement[bool], ...]:
    of_account = OptOut.user_id == session.user_id, OptOut.sandbox == session.sandbox
    return *of_account, _named(OptOut, phone, lid)


def _complete(known: Sequence[OptOut], phone: str | None, lid: str | None) -> None:
    """With a name that was not known then; where two are there, they have both names already."""
    if len(known) == 1:
        known[0].phone, known[0].lid = known[0].phone or phone, known[0].lid or lid


def _named(table: Any, phone: str | None, lid: str | None) -> ColumnElement[bool]:
    names = [column == name for column, name in ((table.phone, phone), (table.lid, lid)) if name]
    return or_(*names)
