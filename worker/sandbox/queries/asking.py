"""Who asks."""

from typing import TYPE_CHECKING

from worker.sandbox.accounts import Account
from worker.sandbox.connection import Connection
from worker.sandbox.devices import DeviceName

if TYPE_CHECKING:
    from worker.sandbox.network import Network


def device_of(connection: Connection) -> DeviceName:
    assert connection.device is not None  # noqa: S101 (asked before any answer is looked for)
    return connection.device


def account_of(network: "Network", connection: Connection) -> Account:
    return network.accounts.known(device_of(connection).number)
