"""The emulated network of a running fleet, asked as if it were a measurement's own."""

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.bench.emulator import Emulator
from tests.bench.fleet_network import Phones
from worker.engines.networks import SandboxSettings


class SharedEmulator(Emulator):
    """So that an engine by itself and a whole fleet are measured against one network, with open phones."""

    def __init__(self, record: dict[str, str], pid: int) -> None:
        self._phones = Phones(record)
        self._pid = pid
        self.settings = SandboxSettings(
            proxy=record["proxy"],
            certificate=Path(record["certificate"]),
            root_key=bytes.fromhex(record["rootKey"]),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._phones.close()

    @property
    def pid(self) -> int:
        return self._pid

    async def ask(self, call: str, **given: Any) -> Any:
        match call:
            case "phones":
                return [await self._phones.new_phone() for _ in range(given["count"])]
            case "scan":
                return await self._phones.scan(given["number"], given["code"])
            case "write":
                return await self._phones.phone_writes(given["number"], given["to"], given["text"])
            case "accepted":
                return await self._phones.accepted(given["after"])
        raise ValueError(call)
