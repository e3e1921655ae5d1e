"""Nobody scans twice: neither a restarted client nor a restarted network loses what was agreed."""

import asyncio
from pathlib import Path

from tests.sandbox.client import companion, running_client
from tests.sandbox.conftest import new_number
from worker.sandbox.phones import Phone
from worker.sandbox.sandbox import Sandbox


async def test_a_restarted_client_resumes_without_a_scan(
    sandbox: Sandbox, anna: Phone, ben: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        await client.call("send", to=ben.number, text="before")
    async with running_client(sandbox, tmp_path, str(device)) as client:
        await client.call("connect")
        await client.event("connected")
        assert not client.has("qr")

        await client.call("send", to=ben.number, text="after")
        await ben.send_text(anna, "welcome back")
        assert (await client.event("message"))["text"] == "welcome back"
    texts = [(await asyncio.wait_for(ben.next_message(), 10)).text for _ in range(2)]
    assert texts == ["before", "after"]


async def test_a_restarted_network_finds_its_clients_and_sessions_again(tmp_path: Path) -> None:
    folder, anna_number, ben_number = tmp_path / "network", new_number(), new_number()
    async with Sandbox(folder) as sandbox:
        anna = await sandbox.network.new_phone(anna_number, "Anna")
        ben = await sandbox.network.new_phone(ben_number, "Ben")
        client_running = companion(sandbox, anna, tmp_path)
        client, device = await client_running.__aenter__()
        port = sandbox.port
        await client.call("send", to=ben_number, text="before")
        await ben.send_text(anna, "before")
        await client.event("message")
    try:
        await client.event("disconnected")
        async with Sandbox(folder, port) as sandbox:
            anna, ben = sandbox.network.phone(anna_number), sandbox.network.phone(ben_number)
            # Nobody tells the client: it finds back by itself.
            await client.event("connected", within=30)
            assert not client.has("qr")
            await ben.send_text(anna, "still the same session")
            assert (await client.event("message"))["text"] == "still the same session"
            await client.call("send", to=ben_number, text="here too")
            assert (await asyncio.wait_for(ben.next_message(), 10)).text == "here too"
            entries = sandbox.network.journal.entries(device=device)
            assert [entry.kind for entry in entries if entry.kind != "message"][-1] == "online"
    finally:
        await client_running.__aexit__(None, None, None)


async def test_messages_wait_for_a_client_across_a_restart_of_the_network(tmp_path: Path) -> None:
    folder, anna_number, ben_number = tmp_path / "network", new_number(), new_number()
    async with Sandbox(folder) as sandbox:
        anna = await sandbox.network.new_phone(anna_number)
        ben = await sandbox.network.new_phone(ben_number)
        async with companion(sandbox, anna, tmp_path) as (_, device):
            pass
        await ben.send_text(anna, "kept")
    async with (
        Sandbox(folder) as sandbox,
        running_client(sandbox, tmp_path, str(device)) as client,
    ):
        await client.call("connect")
        assert (await client.event("message"))["text"] == "kept"


async def test_the_journal_knows_who_was_connected_when(
    sandbox: Sandbox, anna: Phone, tmp_path: Path
) -> None:
    async with companion(sandbox, anna, tmp_path) as (client, device):
        sandbox.network.faults.close(device)
        await client.event("disconnected")
        await client.event("connected")
        await client.call("stop")
        entries = sandbox.network.journal.entries(device=device)
        told = [(entry.kind, entry.reason) for entry in entries]
        assert told == [("online", ""), ("offline", "closed"), ("online", ""), ("offline", "client left")]
        first, second = (entries[0].connection, entries[2].connection)
        assert [entry.connection for entry in entries] == [first, first, second, second]
        assert sorted(entry.at for entry in entries) == [entry.at for entry in entries]
