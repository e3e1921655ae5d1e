"""What happens to a client that has just shaken hands: it is paired, let in, or turned away."""

from typing import TYPE_CHECKING, Any

from worker.sandbox import stanzas
from worker.sandbox.connection import Connection
from worker.sandbox.devices import DeviceName
from worker.sandbox.journal import REPLACED
from worker.sandbox.library import ClientPayload, DecodeError
from worker.sandbox.wire.errors import WireError

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def welcome(network: "Network", connection: Connection, noise_key: bytes, payload: bytes) -> None:
    try:
        client: Any = ClientPayload.FromString(payload)
    except DecodeError as error:
        raise WireError("a client payload that does not parse") from error
    if client.HasField("devicePairingData"):
        network.pairings.offer(connection, noise_key, client.devicePairingData)
    else:
        _log_in(network, connection, noise_key, DeviceName(str(client.username), client.device))


def _log_in(network: "Network", connection: Connection, noise_key: bytes, name: DeviceName) -> None:
    account, device = network.accounts.of_number(name.number), network.devices.find(name)
    refusal = network.faults.refusal(name)
    if account is None or device is None or device.noise_key != noise_key:
        connection.end("unknown device", stanzas.failure(401))
    elif refusal is not None:
        connection.end("refused", refusal)
    else:
        # The later log-in wins, as on the real network; which of two should have won is not ours to know.
        predecessor = network.online.get(name)
        if predecessor is not None:
            predecessor.end(REPLACED, stanzas.stream_error(401, "replaced"))
        connection.device = name
        network.online[name] = connection
        network.journal.online(name, connection.number)
        network.faults.apply(connection)
        connection.send(stanzas.success(account.lid_jid.with_device(name.device), network.clock.seconds()))
        waiting = network.mailbox.waiting(name)
        for stanza in waiting:
            stanza.attrs["offline"] = "0"
            connection.send(stanza)
        connection.send(stanzas.offline_done(len(waiting)))
