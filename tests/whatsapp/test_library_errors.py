"""The library's errors: told apart by their words, and each with the consequence that it has to have."""

from collections.abc import Callable

import pytest

from worker.whatsapp import library_errors
from worker.whatsapp.library import NeonizeError
from worker.whatsapp.port import Gone, Limited, NotConnected, Refused, Silent, StoreAway, Uncertain

SEND, ANY = library_errors.send_problem_of, library_errors.refusal_of
UPLOAD, DOWNLOAD = library_errors.upload_problem_of, library_errors.download_problem_of
ROWS: list[tuple[Callable[[BaseException], Exception], str, type[Exception]]] = [
    # Nothing was sent: the message waits.
    (SEND, "failed to get device list: failed to send usync query: websocket not connected", NotConnected),
    (SEND, "failed to get device list: info query timed out", NotConnected),
    (SEND, "failed to get group members: websocket disconnected before info query returned", NotConnected),
    (SEND, "the store doesn't contain a device JID", NotConnected),
    (SEND, "failed to store cached sessions: pq: the database system is shutting down (57P03)", StoreAway),
    (SEND, "failed to get device list: dial tcp 10.0.0.1:5432: connect: connection refused", StoreAway),
    (SEND, "failed to encrypt message: driver: bad connection", StoreAway),
    # It left, and nobody knows whether it arrived.
    (SEND, "timed out waiting for message send response", Uncertain),
    (SEND, "websocket disconnected before message send returned response", Uncertain),
    (SEND, "websocket disconnected before message send (retry) returned response", Uncertain),
    (SEND, "failed to send message node: write: broken pipe", Uncertain),
    # The first attempt had left when the second found no connection.
    (SEND, "websocket not connected", Uncertain),
    # The network wants less for a while: nothing was sent, and the queue pauses.
    (SEND, "server returned error 429", Limited),
    (SEND, "server returned error 463", Limited),
    # The network does not want it.
    (SEND, "server returned error 479", Refused),
    (SEND, "no LID found for 491771234567@s.whatsapp.net from server", Refused),
    (UPLOAD, "failed to refresh media connections: info query timed out", NotConnected),
    (UPLOAD, "failed to execute request: connection reset by peer", NotConnected),
    (UPLOAD, "upload failed with status code 503", NotConnected),
    (UPLOAD, "upload failed with status code 413", Refused),
    (DOWNLOAD, "failed to download media from last host: download failed with status code 404", Gone),
    (DOWNLOAD, "failed to download media from last host: download failed with status code 410", Gone),
    (DOWNLOAD, "failed to download media from last host: download failed with status code 403", Gone),
    (DOWNLOAD, "failed to download media from last host: download failed with status code 500", Refused),
    (DOWNLOAD, "hash of media ciphertext doesn't match", Refused),
    (DOWNLOAD, "failed to refresh media connections: websocket not connected", NotConnected),
    (ANY, "websocket not connected", NotConnected),
    (ANY, "info query timed out", Silent),
    (library_errors.log_out_problem_of, "error sending logout request: info query timed out", Uncertain),
    (library_errors.log_out_problem_of, "websocket not connected", NotConnected),
]


@pytest.mark.parametrize(("problem_of", "words", "kind"), ROWS, ids=[row[1][:40] for row in ROWS])
def test_each_error_has_its_consequence(
    problem_of: Callable[[BaseException], Exception], words: str, kind: type[Exception]
):
    for given in (words, words.encode()):  # some of its errors carry bytes
        assert type(problem_of(NeonizeError(given))) is kind


def test_a_start_says_in_plain_words_what_is_not_reached():
    words = 'failed to dial: Get "https://web.whatsapp.com/ws/chat": dial tcp: no such host'
    problem = library_errors.start_problem_of(NeonizeError(words))
    assert str(problem) == "the WhatsApp network cannot be reached: dial tcp: no such host"


def test_an_address_with_a_password_is_not_repeated():
    problem = library_errors.start_problem_of(NeonizeError('parse "http://x:secret@y": invalid'))
    assert "secret" not in str(problem)
