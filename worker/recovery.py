"""After a restart: the sessions come back without a scan, and the control plane hears which ones."""

import logging

from shared.contracts.fleet import RecoveryResult, RecoveryStatus, StartOrder
from shared.session_state import SessionState
from worker.board import Board
from worker.control_client import ControlClient, Refusal, Unreachable
from worker.orders import Orders
from worker.pauses import Pauses

log = logging.getLogger(__name__)

PATIENCE = 30.0
RESTORED, FAILED = "restored", "failed"


class Recovery:
    def __init__(
        self, client: ControlClient, orders: Orders, board: Board, patience: float = PATIENCE
    ) -> None:
        self._client = client
        self._orders = orders
        self._board = board
        self._patience = patience

    async def run(self) -> None:
        """A session that is still being paired has nothing to be restored from: it begins anew."""
        sessions = await self._assigned()
        self._orders.start(sessions, recovering=True)
        waited_for = tuple(order for order in sessions if order.device_jid is not None)
        await self._board.until(lambda: not any(map(self._is_open, waited_for)), self._patience)
        results = tuple(self._result(order) for order in waited_for)
        for result in results:
            event = "session_restored" if result.status == RESTORED else "session_not_restored"
            fields = {"session": result.session_id, "epoch": result.epoch, "reason": result.error or ""}
            log.info(event, extra={"fields": fields})
        await self._tell(RecoveryStatus(results=results))
        restored = sum(result.status == RESTORED for result in results)
        log.info(f"Session restoration complete: {restored} restored, {len(results) - restored} failed")  # noqa: G004

    async def _assigned(self) -> tuple[StartOrder, ...]:
        pauses = Pauses()
        while True:
            try:
                return (await self._client.assigned()).sessions
            except (Unreachable, Refusal) as error:
                log.warning("assigned_sessions_not_told", extra={"fields": {"reason": str(error)}})
                await pauses.wait()

    def _is_open(self, order: StartOrder) -> bool:
        """Also gone from the board is told: its end was shipped, or another worker has it."""
        entry = self._board.entry(order.session_id)
        return (
            entry is not None
            and entry.epoch == order.epoch
            and not entry.ended
            and entry.state is not SessionState.CONNECTED
        )

    def _result(self, order: StartOrder) -> RecoveryResult:
        entry = self._board.entry(order.session_id)
        known = entry is not None and entry.epoch == order.epoch
        if entry is not None and known and not entry.ended and entry.state is SessionState.CONNECTED:
            return RecoveryResult(session_id=order.session_id, epoch=order.epoch, status=RESTORED)
        error = "it does not run here any more"
        if entry is not None and known:
            error = f"{entry.state}: {entry.reason}" if entry.reason else entry.state.value
        return RecoveryResult(session_id=order.session_id, epoch=order.epoch, status=FAILED, error=error)

    async def _tell(self, status: RecoveryStatus) -> None:
        pauses = Pauses()
        while True:
            try:
                await self._client.recovery_status(status)
                return
            except (Unreachable, Refusal) as error:
                log.warning("recovery_status_not_told", extra={"fields": {"reason": str(error)}})
                if isinstance(error, Refusal) and not error.retires:
                    return
                await pauses.wait()
