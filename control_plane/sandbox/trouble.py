"""Trouble for the client of one session: for its device, or for the pairing that has none yet."""

from dataclasses import dataclass

import msgspec

from control_plane.errors import AppError, Code
from control_plane.sandbox.emulator import Emulator, RefusedError
from control_plane.sandbox.schemas import AnyFault, OutdatedFault, PairingFault
from control_plane.sessions.models import Pairing, Session


@dataclass(frozen=True, slots=True)
class SandboxSession:
    card: Session
    pairing: Pairing | None

    @property
    def device(self) -> str | None:
        """As the emulated network's calls name it."""
        jid = self.card.device_jid
        return jid.partition("@")[0].replace(":", "/") if jid is not None else None

    @property
    def code(self) -> str | None:
        """Even one that has expired names the pairing, and so it does while letters are shown as well."""
        return self.pairing.qr if self.pairing is not None else None


async def strike(emulator: Emulator, session: SandboxSession, fault: AnyFault) -> None:
    unlinked = session.device is None
    if isinstance(fault, PairingFault) or (isinstance(fault, OutdatedFault) and unlinked and session.code):
        await _strike_pairing(emulator, session, msgspec.to_builtins(fault)["kind"])
        return
    if unlinked:
        raise AppError(Code.SESSION_NOT_CONNECTED, "The session has no linked device yet: scan first.")
    try:
        await emulator.ask("POST", f"/devices/{session.device}/faults", json=msgspec.to_builtins(fault))
    except RefusedError as error:
        if error.is_absent:
            raise AppError(
                Code.SESSION_NOT_CONNECTED,
                "The phone has removed the session's device: connect and scan anew.",
            ) from error
        raise


async def heal(emulator: Emulator, session: SandboxSession) -> None:
    """What has gone in the meantime needs no healing."""
    if session.device is not None:
        await _unless_absent(emulator, "DELETE", f"/devices/{session.device}/faults", None)
    if session.code is not None:
        await _unless_absent(emulator, "POST", "/pairings/faults", {"code": session.code, "kind": None})


async def _strike_pairing(emulator: Emulator, session: SandboxSession, kind: str) -> None:
    try:
        if session.code is not None:
            await emulator.ask("POST", "/pairings/faults", json={"code": session.code, "kind": kind})
            return
    except RefusedError as error:
        if not error.is_absent:
            raise
    raise AppError(
        Code.NO_QR,
        f"The fault {kind} strikes a pairing, and the session is {session.card.status} and shows no code."
        " Connect it first.",
    )


async def _unless_absent(
    emulator: Emulator, method: str, path: str, body: dict[str, str | None] | None
) -> None:
    try:
        await emulator.ask(method, path, json=body)
    except RefusedError as error:
        if not error.is_absent:
            raise
