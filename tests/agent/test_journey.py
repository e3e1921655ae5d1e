"""A worker from its registration to its end, with the real client and phones of the emulated network."""

import re
import signal
from pathlib import Path

import httpx
import msgspec
import pytest

from shared.contracts.commands import CommandAnswer, Outcome, SendWish, Standing
from shared.contracts.fleet import StartOrder, StopOrder, StoreKind
from shared.contracts.messages import Text
from shared.contracts.told import MessageReceived, Paired, PairingCodeShown, QrShown, StateSeen, Then
from shared.ids import new_uuid
from shared.internal_auth import SIGNATURE_HEADER, sign
from shared.session_state import Reason, SessionState
from tests.agent.stand_in import StandInControlPlane, running_stand_in
from tests.agent.worker import WorkerProcess, running_worker, start_order
from tests.sandbox.conftest import anna, ben, new_number, sandbox
from tests.waiting import until
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox

__all__ = ["anna", "ben", "sandbox"]


@pytest.fixture
async def plane():
    async with running_stand_in() as running:
        yield running


async def paired(plane: StandInControlPlane, phone: Phone, order: StartOrder) -> str:
    """Its device, once it is connected."""
    plane.start.append(order)
    await phone.scan((await plane.told(QrShown)).code)
    device = (await plane.told(Paired)).device_jid
    await connected(plane)
    return device


def send_wish(to: Phone, text: str, attempt: int = 1) -> SendWish:
    return SendWish(
        epoch=1,
        message_id=str(new_uuid()),
        attempt=attempt,
        recipient=f"{to.number}@s.whatsapp.net",
        content=Text(text=text),
    )


async def connected(plane: StandInControlPlane) -> None:
    await plane.told(StateSeen, lambda told: told.meaning.state is SessionState.CONNECTED)


def status(plane: StandInControlPlane, order: StartOrder) -> SessionState | None:
    states = plane.beats[-1].states or ()
    return next((s.status for s in states if (s.id, s.epoch) == (order.session_id, order.epoch)), None)


async def test_it_registers_pairs_ships_in_order_and_hands_over_at_its_end(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, ben: Phone, tmp_path: Path
):
    order = start_order()
    plane.lost_answers = 1
    async with running_worker(sandbox, plane, tmp_path) as worker:
        await plane.until(lambda: bool(plane.registers))
        assert (plane.registers[0].store, plane.registers[0].sandbox) == (StoreKind.SQLITE, True)
        await paired(plane, anna, order)
        await plane.until(lambda: status(plane, order) is SessionState.CONNECTED)
        await ben.send_text(anna, "hello")
        await plane.told(MessageReceived)
        kept = [event.position for event in plane.events() if event.position]
        assert kept == sorted(set(kept))
        assert {event.position for event in plane.events() if isinstance(event.told, QrShown)} == {0}
        await plane.until(lambda: plane.beats[-1].spooled == 0)
        worker.tell(signal.SIGTERM)
        assert await worker.ended() == 0
    assert any(beat.draining for beat in plane.beats)
    assert [(s.id, s.epoch) for released in plane.released for s in released.sessions] == [
        (order.session_id, 1)
    ]
    assert anna.companions != []


async def test_it_comes_back_without_a_scan_and_says_how_many(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path) as worker:
        device = await paired(plane, anna, order)
        worker.tell(signal.SIGKILL)
        await worker.ended()
    plane.start.clear()
    plane.assigned = [
        start_order(device, epoch=2, session_id=order.session_id),
        start_order("4915551112222:3@s.whatsapp.net"),
    ]
    async with running_worker(sandbox, plane, tmp_path) as worker:
        await plane.until(lambda: bool(plane.recoveries))
        results = {result.session_id: result.status for result in plane.recoveries[0].results}
        assert results == {order.session_id: "restored", plane.assigned[1].session_id: "failed"}
        plane.assigned.clear()
        worker.tell(signal.SIGTERM)
        assert await worker.ended() == 0
        assert re.search(r"Session restoration complete: 1 restored, 1 failed\b", worker.log)


async def test_orders_are_obeyed_at_a_nudge_and_their_ends_told(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    plane.heartbeat_interval, plane.lease_seconds = 30, 150
    first = start_order()
    plane.start.append(first)
    async with running_worker(sandbox, plane, tmp_path):
        await anna.scan((await plane.told(QrShown)).code)
        device = (await plane.told(Paired)).device_jid
        await connected(plane)
        plane.start = [start_order(device, epoch=2, session_id=first.session_id)]
        await plane.nudge()
        await plane.until(lambda: any(event.epoch == 2 for event in plane.events()))
        plane.start.clear()
        plane.stop = [StopOrder(session_id=first.session_id, epoch=2)]
        await plane.nudge()
        await plane.told(StateSeen, lambda told: told.meaning.reason is Reason.REQUESTED)
        plane.stop.clear()
        assert anna.companions != []


async def test_a_session_that_is_handed_over_is_released_and_forgotten(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path):
        await paired(plane, anna, order)
        plane.start.clear()
        plane.refusals["released"] = [(503, "not_ready")]
        plane.stop = [StopOrder(session_id=order.session_id, epoch=1, hand_over=True)]
        await plane.until(lambda: bool(plane.released))
        plane.stop.clear()
        await plane.until(lambda: plane.beats[-1].states == ())


async def test_a_log_out_by_order_leaves_nothing_on_the_phone(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path):
        await paired(plane, anna, order)
        plane.start.clear()
        plane.stop = [StopOrder(session_id=order.session_id, epoch=1, log_out=True)]
        await plane.told(StateSeen, lambda told: told.meaning.reason is Reason.LOGGED_OUT_BY_USER)
        assert anna.companions == []


async def test_a_pairing_by_code_shows_the_code(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    plane.start.append(start_order(pairing_phone=f"+{anna.number}"))
    async with running_worker(sandbox, plane, tmp_path):
        shown = await plane.told(PairingCodeShown)
        assert shown.seconds == 160
        await anna.enter_pairing_code(shown.code)
        await connected(plane)


async def test_a_pairing_by_code_for_a_number_that_nobody_has_is_told_at_once(
    sandbox: Sandbox, plane: StandInControlPlane, tmp_path: Path
):
    order = start_order(pairing_phone=f"+{new_number()}")
    plane.start.append(order)
    async with running_worker(sandbox, plane, tmp_path):
        refused = await plane.told(StateSeen, lambda told: told.meaning.state is SessionState.AUTH_FAILED)
        assert (refused.meaning.reason, refused.meaning.then) == (Reason.PAIRING_FAILED, Then.STOP)
        assert refused.meaning.detail
        plane.start.clear()
        await plane.until(lambda: status(plane, order) is None)


async def test_only_the_control_plane_may_ask_and_gets_an_answer(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, ben: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path):
        await paired(plane, anna, order)
        async with httpx.AsyncClient(base_url=plane.registers[0].endpoint) as client:

            async def ask(
                path: str, wish: SendWish | None = None, token: str = plane.token
            ) -> httpx.Response:
                method = "GET" if wish is None else "POST"
                body = b"" if wish is None else msgspec.json.encode(wish)
                headers = {SIGNATURE_HEADER: sign(token, method, path, body)}
                return await client.request(method, path, content=body, headers=headers)

            text = f"/sessions/{order.session_id}/commands"
            wish = send_wish(ben, "hello Ben")
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 200
            assert 'waypost_worker_sessions{state="connected"} 1.0' in (await client.get("/metrics")).text
            assert (await client.get("/standing")).json()["code"] == "not_signed"
            assert (await ask(text, wish, "another token")).status_code == 401
            standing = msgspec.json.decode((await ask("/standing")).content, type=Standing)
            assert (standing.worker_id, standing.incarnation) == ("worker-one", plane.incarnation)
            answer = msgspec.json.decode((await ask(text, wish)).content, type=CommandAnswer)
            assert (answer.outcome, bool(answer.whatsapp_id)) == (Outcome.DONE, True)
            assert (await ben.next_message()).text == "hello Ben"
            # The same once more: it was sent, and is not sent again.
            again = msgspec.json.decode((await ask(text, wish)).content, type=CommandAnswer)
            assert again == answer
            stale = msgspec.structs.replace(wish, epoch=7)
            misdirected = await ask(text, stale)
            answer = msgspec.json.decode(misdirected.content, type=CommandAnswer)
            assert (misdirected.status_code, answer.outcome) == (421, Outcome.NOT_HERE)
            huge = await client.post(text, content=b"x" * (2 << 20))
            assert (huge.status_code, huge.headers["content-type"][:16]) == (413, "application/json")
            assert (await client.get("/nowhere")).status_code == 401


async def test_a_reload_starts_each_client_anew_in_an_engine_that_is_new(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path) as worker:
        await paired(plane, anna, order)
        await plane.until(lambda: status(plane, order) is SessionState.CONNECTED)
        before = engines_of(worker)
        async with httpx.AsyncClient(base_url=plane.registers[0].endpoint) as client:
            headers = {SIGNATURE_HEADER: sign(plane.token, "POST", "/reload", b"")}
            assert (await client.post("/reload")).status_code == 401
            answer = await client.post("/reload", headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"sessions": 1})
        await plane.told(StateSeen, lambda told: told.meaning.reason is Reason.RESTART_REQUESTED)
        await connected(plane)

        async def renewed() -> bool:
            return bool(engines_of(worker)) and not before & engines_of(worker)

        await until(renewed)
        await until(lambda: reloaded(worker))


async def reloaded(worker: WorkerProcess) -> bool:
    return "reload_complete" in worker.log


def engines_of(worker: WorkerProcess) -> set[int]:
    children = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text()
    return {int(child) for child in children.split()}


@pytest.mark.parametrize("refusal", [(401, "unauthorized"), (409, "incarnation_retired")])
async def test_an_incarnation_that_is_over_ends_its_clients_and_registers_anew(
    refusal: tuple[int, str], sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path):
        device = await paired(plane, anna, order)
        again = start_order(device, epoch=2, session_id=order.session_id)
        plane.start, plane.assigned = [], [again]
        plane.refusals["heartbeat"] = [refusal]
        await plane.until(lambda: plane.incarnation == 2 and bool(plane.recoveries))
        await plane.until(lambda: status(plane, again) is SessionState.CONNECTED)


async def test_many_are_handed_over_one_by_one_and_nothing_new_begins(
    sandbox: Sandbox, plane: StandInControlPlane, tmp_path: Path
):
    phones = [await sandbox.network.new_phone(new_number()) for _ in range(3)]
    async with running_worker(sandbox, plane, tmp_path) as worker:
        orders = []
        for phone in phones:
            orders.append(start_order())
            plane.start.append(orders[-1])
            session = orders[-1].session_id
            await plane.until(lambda: bool(codes(plane, session)))  # noqa: B023
            await phone.scan(codes(plane, session)[-1])
            await plane.until(lambda: status(plane, orders[-1]) is SessionState.CONNECTED)
        plane.hold_heartbeats()
        worker.tell(signal.SIGTERM)
        await plane.until(lambda: sum(len(released.sessions) for released in plane.released) == 3)
        plane.start.append(start_order())
        plane.release_heartbeats()
        assert await worker.ended() == 0
    released = {session.id for released in plane.released for session in released.sessions}
    assert released == {order.session_id for order in orders}


def codes(plane: StandInControlPlane, session: str) -> list[str]:
    events = [event for event in plane.events() if event.session_id == session]
    return [event.told.code for event in events if isinstance(event.told, QrShown)]


async def test_a_session_that_is_lost_stops_without_a_word(
    sandbox: Sandbox, plane: StandInControlPlane, anna: Phone, tmp_path: Path
):
    order = start_order()
    async with running_worker(sandbox, plane, tmp_path):
        await paired(plane, anna, order)
        plane.start.clear()
        plane.lost = [order.session_id]
        await plane.until(lambda: plane.beats[-1].states == ())
        await until(lambda: _offline(sandbox, anna))
        ends = [
            e.told for e in plane.events() if isinstance(e.told, StateSeen) and e.told.meaning.then != "go_on"
        ]
        assert (ends, plane.released) == ([], [])


async def _offline(sandbox: Sandbox, phone: Phone) -> bool:
    (device,) = phone.companions
    return device.name not in sandbox.network.online
