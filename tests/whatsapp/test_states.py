"""What the network does to a client, and what is told of it: each row of the table, and what follows."""

import time
from pathlib import Path

import pytest

from shared.contracts.told import QrShown, StateSeen, Then
from shared.session_state import Reason, SessionState
from tests.sandbox.conftest import new_number
from tests.whatsapp.engine import Engine, new_session
from tests.whatsapp.pair import Pair
from worker.sandbox.pairings import PairingError
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox
from worker.sandbox.wire.nodes import node

S, R = SessionState, Reason


async def meaning(paired: Pair):
    return (await paired.engine.told(paired.session, StateSeen)).meaning


async def back(paired: Pair, ben: Phone) -> None:
    """Connected again, and hearing."""
    await paired.state(S.CONNECTED)
    await ben.send_text(paired.phone, "still there?")
    await paired.heard()


@pytest.mark.parametrize(
    ("fault", "arguments", "detail"),
    [
        ("close", (), ""),
        ("stream_error", (503,), ""),
        ("stream_error", (599,), "stream error 599"),
        ("fail", (503,), ""),
    ],
)
async def test_a_lost_connection_comes_back_by_itself(
    paired: Pair, ben: Phone, fault: str, arguments: tuple[int, ...], detail: str
):
    getattr(paired.network.faults, fault)(paired.device.name, *arguments)
    lost = await meaning(paired)
    assert (lost.state, lost.reason, lost.then) == (S.RECONNECTING, R.CONNECTION_LOST, Then.GO_ON)
    assert lost.detail == detail
    await back(paired, ben)


@pytest.mark.parametrize(
    ("fault", "named", "state", "reason", "then"),
    [
        ("replace", {}, S.DISCONNECTED, R.REPLACED, Then.STOP),
        ("log_out", {}, S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
        ("fail", {"reason": 401}, S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
        ("fail", {"reason": 403}, S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
        ("ban", {"code": 101, "seconds": 3600}, S.AUTH_FAILED, R.BANNED, Then.STOP),
        ("outdate", {}, S.AUTH_FAILED, R.OUTDATED, Then.STOP),
        # For reasons that the library does not know it tells nothing, and tells nothing any more.
        ("ban", {"code": 999}, S.AUTH_FAILED, R.BANNED, Then.STOP),
        ("fail", {"reason": 499}, S.AUTH_FAILED, R.REFUSED, Then.STOP),
    ],
)
async def test_an_end_is_told_and_ends_the_client(
    paired: Pair,
    ben: Phone,
    fault: str,
    named: dict[str, int],
    state: SessionState,
    reason: Reason,
    then: Then,
):
    getattr(paired.network.faults, fault)(paired.device.name, **named)
    told = await meaning(paired)
    assert (told.state, told.reason, told.then) == (state, reason, then)
    await paired.ended()
    late = await paired.engine.send_text(paired.session, f"{ben.number}@s.whatsapp.net", "late")
    assert late.problem == "not_connected"


async def test_a_ban_tells_why_and_for_how_long(paired: Pair):
    paired.network.faults.ban(paired.device.name, code=102, seconds=7200)
    told = await meaning(paired)
    assert (told.detail, told.seconds) == ("blocked_by_users", 7200)


async def test_one_event_that_the_library_cannot_pack_does_not_make_it_deaf(paired: Pair, ben: Phone):
    attrs = {"id": "3A00", "from": ben.account.lid_jid, "t": int(time.time()), "type": "server-error"}
    for _ in range(2):
        paired.network.deliver(paired.device.name, node("receipt", attrs))
        deaf = await meaning(paired)
        assert (deaf.state, deaf.reason, deaf.then) == (S.RECONNECTING, R.DEAF, Then.GO_ON)
        await back(paired, ben)


async def test_a_log_out_in_that_very_moment_is_told_and_ends_no_engine(paired: Pair, ben: Phone):
    attrs = {"id": "3A00", "from": ben.account.lid_jid, "t": int(time.time()), "type": "server-error"}
    paired.network.deliver(paired.device.name, node("receipt", attrs))
    paired.network.faults.log_out(paired.device.name)
    told = (await paired.state(S.LOGGED_OUT)).meaning
    assert (told.reason, told.then) == (R.LOGGED_OUT_BY_PHONE, Then.FORGET)
    await paired.ended()


async def test_a_client_that_such_events_hit_again_and_again_is_given_up(paired: Pair, ben: Phone):
    attrs = {"id": "3A00", "from": ben.account.lid_jid, "t": int(time.time()), "type": "server-error"}
    reasons = [R.LOGGED_IN]
    while reasons[-1] is not R.CLIENT_CRASHES:
        assert len(reasons) < 20
        # A receipt that was not acknowledged comes again by itself: an event more than we cause is no fault.
        if reasons[-1] is R.LOGGED_IN:
            paired.network.deliver(paired.device.name, node("receipt", attrs))
        reasons.append((await meaning(paired)).reason)
    assert reasons.count(R.DEAF) == 5
    await paired.ended()


async def test_a_log_out_by_us_is_told_and_forgets(paired: Pair):
    assert (await paired.engine.log_out(paired.session)).problem is None
    told = await meaning(paired)
    assert (told.state, told.reason, told.then) == (S.LOGGED_OUT, R.LOGGED_OUT_BY_USER, Then.FORGET)
    assert paired.phone.companions == []


class Pairing:
    """One that is about to go wrong."""

    def __init__(self, engine: Engine, store: str) -> None:
        self.engine = engine
        self.store = store
        self.session = new_session()

    async def code(self) -> str:
        assert (await self.engine.start(self.session, self.store)).problem is None
        return (await self.engine.told(self.session, QrShown)).code

    async def meaning(self):
        return (await self.engine.told(self.session, StateSeen)).meaning


@pytest.fixture
async def pairing(engine: Engine, tmp_path: Path) -> Pairing:
    return Pairing(engine, str(tmp_path / "pairing.db"))


@pytest.fixture
def healed(sandbox: Sandbox):
    yield sandbox.network.faults
    sandbox.network.faults.heal_pairings()


@pytest.mark.parametrize(
    ("fault", "reason", "words"),
    [
        ("demand_passkey", R.PASSKEY_REQUIRED, "passkey"),
        ("forge_vouchers", R.PAIRING_FAILED, "keys"),
        ("outdate_pairings", R.OUTDATED, ""),
    ],
)
async def test_a_pairing_that_goes_no_further_says_why(
    pairing: Pairing, anna: Phone, healed, fault: str, reason: Reason, words: str
):
    code = await pairing.code()
    getattr(healed, fault)()
    with pytest.raises(PairingError):
        await anna.scan(code)
    told = await pairing.meaning()
    assert (told.state, told.reason, told.then) == (S.AUTH_FAILED, reason, Then.STOP)
    assert words in told.detail


async def test_a_passkey_is_demanded_of_a_pairing_by_code_as_well(pairing: Pairing, anna: Phone, healed):
    await pairing.code()
    answer = await pairing.engine.pairing_code(pairing.session, anna.number)
    assert answer.code is not None
    healed.demand_passkey()
    with pytest.raises(PairingError):
        await anna.enter_pairing_code(answer.code)
    assert (await pairing.meaning()).reason is R.PASSKEY_REQUIRED


@pytest.mark.parametrize("phone", ["", "12345", "abc", "+49 177", "0177123456"])
async def test_a_code_for_what_is_no_number_is_refused(pairing: Pairing, phone: str):
    await pairing.code()
    answer = await pairing.engine.pairing_code(pairing.session, phone)
    assert (answer.problem, "international" in answer.words) == ("refused", True), answer


async def test_a_code_for_a_number_that_nobody_has_is_refused(pairing: Pairing):
    await pairing.code()
    answer = await pairing.engine.pairing_code(pairing.session, new_number())
    assert answer.problem == "refused"


async def test_codes_that_nobody_scans_expire(tmp_path: Path):
    """The network ends the connection then; the library's own clock would take its time."""
    async with Sandbox(tmp_path / "network") as sandbox, Engine(sandbox, tmp_path / "engine.log") as engine:
        pairing = Pairing(engine, str(tmp_path / "unscanned.db"))
        await pairing.code()
        for connection in list(sandbox.network.pairings._open):
            connection.end("nobody scanned")
        told = await pairing.meaning()
        assert (told.state, told.reason, told.then) == (S.DISCONNECTED, R.QR_EXPIRED, Then.STOP)
