"""Which session ends its engine again and again, found out without letting its neighbours suffer for long.

Pure: it is told of deaths and of time, and answers in which company a session may start. After a first death
all come back together, but for those that the engine was just busy with, which start apart. When sessions
that died together die again, they are halved, until the one that is at fault dies alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# Deaths that are further apart have nothing to do with each other.
MEMORY_SECONDS = 600.0
# So many deaths alone, and the session is given up.
ALONE_MAX = 3
# When the engine was busy with more sessions than this, its business tells nothing.
_BUSY_MAX = 3

Company = int
TOGETHER: Company = 0


@dataclass(slots=True)
class _Record:
    last_death: float
    deaths: int = 0
    alone: int = 0
    company: Company = TOGETHER


class Suspicion:
    def __init__(self) -> None:
        self._records: dict[str, _Record] = {}
        self._companies = 0

    def died(self, sessions: Iterable[str], busy_with: Iterable[str], now: float) -> frozenset[str]:
        """Those that are given up; for the others `company` tells with whom they may start."""
        together = sorted(sessions)
        busy = sorted(set(busy_with) & set(together))
        records = {session: self._record(session, now) for session in together}
        if len(together) == 1:
            return self._died_alone(together[0])
        if 0 < len(busy) <= _BUSY_MAX:
            for session in busy:
                records[session].company = self._new_company()
            together = [session for session in together if session not in busy]
        if together and max(records[session].deaths for session in together) > 1:
            half = (len(together) + 1) // 2
            for part in (together[:half], together[half:]):
                company = self._new_company()
                for session in part:
                    records[session].company = company
        return frozenset()

    def company(self, session: str, now: float) -> Company:
        """Sessions of one company share an engine with nobody else; TOGETHER is everybody's."""
        record = self._records.get(session)
        if record is None:
            return TOGETHER
        if now - record.last_death > MEMORY_SECONDS:
            del self._records[session]
            return TOGETHER
        return record.company

    def forget(self, session: str) -> None:
        """Somebody wants to try again."""
        self._records.pop(session, None)

    def _record(self, session: str, now: float) -> _Record:
        record = self._records.get(session)
        if record is None or now - record.last_death > MEMORY_SECONDS:
            record = self._records[session] = _Record(now)
        record.last_death = now
        record.deaths += 1
        return record

    def _died_alone(self, session: str) -> frozenset[str]:
        record = self._records[session]
        record.alone += 1
        record.company = self._new_company()
        if record.alone < ALONE_MAX:
            return frozenset()
        del self._records[session]
        return frozenset({session})

    def _new_company(self) -> Company:
        self._companies += 1
        return self._companies
