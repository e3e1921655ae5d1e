"""What the library reports, and what it means; each row of the table, with the library's own messages."""

import pytest

from shared.contracts.told import Then
from shared.session_state import REASONS, TRANSITIONS, Reason, SessionState
from worker.whatsapp.event_map import (
    CLIENT_CRASHES,
    DEAF,
    QR_PHASE_ENDS,
    STATE_EVENTS,
    meaning_of,
    meaning_of_lost_report,
    meaning_of_qr_end,
)
from worker.whatsapp.library import events

S, R = SessionState, Reason
ROWS = [
    (events.ConnectedEv(), S.CONNECTED, R.LOGGED_IN, Then.GO_ON),
    (events.DisconnectedEv(), S.RECONNECTING, R.CONNECTION_LOST, Then.GO_ON),
    (events.StreamErrorEv(Code="599"), S.RECONNECTING, R.CONNECTION_LOST, Then.GO_ON),
    (events.KeepAliveTimeoutEv(), S.RECONNECTING, R.DEAF, Then.GO_ON),
    (events.KeepAliveRestoredEv(), S.CONNECTED, R.LOGGED_IN, Then.GO_ON),
    (events.LoggedOutEv(), S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
    (events.StreamReplacedEv(), S.DISCONNECTED, R.REPLACED, Then.STOP),
    (events.TemporaryBanEv(Code=2, Expire=3600), S.AUTH_FAILED, R.BANNED, Then.STOP),
    (events.ClientOutdatedEv(), S.AUTH_FAILED, R.OUTDATED, Then.STOP),
    (events.ConnectFailureEv(Reason=2), S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
    (events.ConnectFailureEv(Reason=3), S.AUTH_FAILED, R.BANNED, Then.STOP),
    (events.ConnectFailureEv(Reason=4), S.LOGGED_OUT, R.LOGGED_OUT_BY_PHONE, Then.FORGET),
    (events.ConnectFailureEv(Reason=6), S.AUTH_FAILED, R.OUTDATED, Then.STOP),
    (events.ConnectFailureEv(Reason=10), S.RECONNECTING, R.NETWORK_UNAVAILABLE, Then.GO_ON),
    (events.PairStatusEv(Status=2), S.INITIALIZING, R.PAIRED, Then.GO_ON),
    (events.PairStatusEv(Status=1, Error="hmac"), S.AUTH_FAILED, R.PAIRING_FAILED, Then.STOP),
]


@pytest.mark.parametrize(("event", "state", "reason", "then"), ROWS, ids=lambda value: type(value).__name__)
def test_each_event_has_its_meaning(event, state, reason, then):
    meaning = meaning_of(event)
    assert (meaning.state, meaning.reason, meaning.then) == (state, reason, then)


def test_every_event_of_the_table_is_tried_here():
    assert {type(row[0]) for row in ROWS} == set(STATE_EVENTS)


def test_a_ban_tells_its_code_and_its_end():
    meaning = meaning_of(events.TemporaryBanEv(Code=2, Expire=3600))
    assert (meaning.detail, meaning.seconds) == ("blocked_by_users", 3600)


def test_every_meaning_fits_the_table_of_states():
    meanings = [meaning_of(row[0]) for row in ROWS] + list(QR_PHASE_ENDS.values())
    meanings += [meaning_of_lost_report(""), CLIENT_CRASHES]
    for meaning in meanings:
        assert meaning.reason in REASONS[meaning.state]
    for meaning in meanings:
        if meaning.then is not Then.GO_ON:
            assert meaning.state in TRANSITIONS[S.CONNECTED] | TRANSITIONS[S.QR_PENDING]


def test_only_what_is_lost_for_good_forgets_the_credentials():
    forgetting = {meaning_of(row[0]).state for row in ROWS if meaning_of(row[0]).then is Then.FORGET}
    assert forgetting == {S.LOGGED_OUT}


@pytest.mark.parametrize(
    ("status", "reason", "words"),
    [
        (b"timeout", R.QR_EXPIRED, ""),
        (b"error", R.PAIRING_FAILED, "keys"),
        (b"err-client-outdated", R.OUTDATED, ""),
        (b"err-unexpected-state", R.PAIRING_FAILED, "network"),
        (b"passkey-request", R.PASSKEY_REQUIRED, "passkey"),
        (b"passkey-confirmation", R.PASSKEY_REQUIRED, "passkey"),
        (b"never heard of \xff", R.PAIRING_FAILED, "never heard of"),
        (b"x" * 10_000, R.PAIRING_FAILED, "xxx"),
    ],
)
def test_each_end_of_the_qr_phase_says_why(status: bytes, reason: Reason, words: str):
    meaning = meaning_of_qr_end(status)
    assert meaning is not None
    assert (meaning.reason, meaning.then, words in meaning.detail) == (reason, Then.STOP, True)
    assert len(meaning.detail) <= 200


@pytest.mark.parametrize("status", [b"success", b"err-scanned-without-multidevice"])
def test_a_pairing_that_goes_on_is_no_end(status: bytes):
    assert meaning_of_qr_end(status) is None


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("proto: required field neonize.TemporaryBan.Code not set", R.BANNED),
        ("proto: required field neonize.ConnectFailure.Reason not set", R.REFUSED),
        ("proto: required field neonize.LoggedOut.Reason not set", R.LOGGED_OUT_BY_PHONE),
    ],
)
def test_an_event_that_could_not_be_packed_is_known_by_its_kind(words: str, reason: Reason):
    assert meaning_of_lost_report(words).reason is reason


@pytest.mark.parametrize("words", ["", "proto: required field neonize.Receipt.Type not set", "anything"])
def test_a_report_that_ends_for_nothing_is_begun_again(words: str):
    assert meaning_of_lost_report(words) is DEAF
