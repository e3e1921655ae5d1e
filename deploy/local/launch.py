"""The steps from nothing to a running Waypost, and back."""

import time
from collections.abc import Mapping
from dataclasses import replace

from deploy.local.child import Child
from deploy.local.children import ADMIN_ACCOUNT, CHECKS, CHILDREN, CREDENTIAL_STORE, SANDBOX, ChildRow
from deploy.local.data_folder import DataFolder
from deploy.local.demo_accounts import read_accounts, remember_demo
from deploy.local.demo_user import answers, live_workers, make_demo_user
from deploy.local.embedded_server import EmbeddedServer
from deploy.local.errors import LaunchError
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.run_record import write_run_record
from deploy.local.sandbox import LocalSandbox, is_wanted
from deploy.local.setup_steps import SetupSteps
from deploy.local.stop_signals import StopSignals
from deploy.local.supervisor import Supervisor
from deploy.local.surroundings import Surroundings
from deploy.local.terminal import Terminal
from deploy.local.valkey import EmbeddedValkey

_READY_SECONDS = 30.0
_WORKER_SECONDS = 20.0


class Launch:
    def __init__(
        self,
        folder: DataFolder,
        environment: Mapping[str, str],
        port: int,
        terminal: Terminal,
        signals: StopSignals,
    ) -> None:
        self._folder = folder
        self._environment = environment
        self._port = port
        self._terminal = terminal
        self._signals = signals
        self._accounts_file = folder.path / "accounts.json"
        self._accounts = read_accounts(self._accounts_file)
        self._steps = SetupSteps(folder, terminal, signals, self._accounts.admin_password)
        self._supervisor = Supervisor(terminal, self._write_record)
        self._wants_sandbox = is_wanted(environment)
        self._sandbox: tuple[LocalSandbox, Child] | None = None
        # When everything is ready.
        self._here: Surroundings | None = None

    def start(self) -> None:
        here = Surroundings(
            inherited=self._environment,
            data_dir=self._folder.path,
            port=self._port,
            database_url=self._server("WAYPOST_DATABASE_URL", EmbeddedPostgres),
            redis_url=self._server("WAYPOST_REDIS_URL", EmbeddedValkey),
            master_key=self._environment.get("WAYPOST_MASTER_KEY", "").strip() or self._folder.master_key(),
            join_token=self._accounts.join_token,
        )
        if self._wants_sandbox:
            here = self._start_sandbox(here)
        self._steps.run(CHECKS, here)
        here = self._start_children(here)
        self._make_demo_user(here)
        self._await_worker(here)
        self._here = here
        self._write_record()
        self._greet(here)

    def watch(self) -> None:
        while True:
            self._signals.pause(0.1)
            self._supervisor.look_after()

    def shut_down(self) -> None:
        self._supervisor.stop_all(self._signals.urgent)
        self._folder.run_record.unlink(missing_ok=True)

    def _server(self, variable: str, kind: type[EmbeddedServer]) -> str:
        """The address of the embedded server, or of the one that the environment names instead."""
        named = self._environment.get(variable, "").strip()
        if named:
            return named
        log = self._folder.logs / f"{kind.name}.log"
        server = kind(self._folder.path / kind.name, log_file=log, pause=self._signals.pause)
        with self._terminal.step(kind.title):
            server.start()
            self._supervisor.keep(server)
        return server.url

    def _start_sandbox(self, here: Surroundings) -> Surroundings:
        sandbox = LocalSandbox(here.data_dir / SANDBOX.name)
        here = replace(here, sandbox=sandbox.known)
        self._sandbox = sandbox, self._spawn(SANDBOX, here, sandbox.arguments)
        return here

    def _start_children(self, here: Surroundings) -> Surroundings:
        first, *others = CHILDREN
        began = time.monotonic()
        child = self._spawn(first, here)
        self._steps.run((ADMIN_ACCOUNT, CREDENTIAL_STORE), here)  # while the API starts
        with self._terminal.step(first.title, began):
            self._wait_until_ready(child, first, here)
        here = self._await_sandbox(here)
        for row in others:
            with self._terminal.step(row.title):
                self._wait_until_ready(self._spawn(row, here), row, here)
        return here

    def _await_worker(self, here: Surroundings) -> None:
        """Who connects a session at once must find one; without it the rest can be looked at."""
        end = time.monotonic() + _WORKER_SECONDS
        with self._terminal.step("Registration"):
            while not live_workers(here.api) and time.monotonic() < end:
                self._signals.pause(0.05)

    def _await_sandbox(self, here: Surroundings) -> Surroundings:
        """Only workers need more of it than is known from the beginning; without it all others run."""
        if self._sandbox is None:
            return here
        sandbox, child = self._sandbox
        try:
            with self._terminal.step(child.title):
                sandbox.wait_until_ready(child, self._signals.pause)
        except LaunchError as error:
            self._supervisor.let_go(child)
            self._terminal.line(f"    {error.message} Waypost runs without it. See {child.log_file}")
            return replace(here, sandbox={})
        return replace(here, sandbox=sandbox.known)

    def _spawn(self, row: ChildRow, here: Surroundings, more: tuple[str, ...] = ()) -> Child:
        child = Child(
            row.name,
            title=row.title,
            arguments=(*row.arguments, *more),
            environment=row.environment(here),
            log_file=self._folder.logs / f"{row.name}.log",
            stop_seconds=row.stop_seconds,
        )
        child.start()
        self._supervisor.keep(child)
        return child

    def _wait_until_ready(self, child: Child, row: ChildRow, here: Surroundings) -> None:
        address, end = here.api + row.ready_path, time.monotonic() + _READY_SECONDS
        while row.ready_path and not answers(address):
            if not child.alive():
                raise LaunchError(
                    f"{row.title} {child.how_it_ended()} before it was ready:", child.last_words()
                )
            if time.monotonic() > end:
                problem = f"{row.title} was not ready after {_READY_SECONDS:.0f} s: no 200 from {address}"
                raise LaunchError(problem, child.last_words())
            self._signals.pause(0.05)

    def _make_demo_user(self, here: Surroundings) -> None:
        if self._accounts.knows(here.database_url):
            return
        try:
            with self._terminal.step("Demo user"):
                make_demo_user(here.api, self._accounts)
        except LaunchError as error:  # everything else runs; the next start tries again
            self._terminal.line(f"    {error.message}")
            return
        remember_demo(self._accounts_file, self._accounts, here.database_url)

    def _write_record(self) -> None:
        if self._here is not None:
            record = self._folder.run_record
            write_run_record(record, self._here, self._accounts, self._supervisor.pids())

    def _greet(self, here: Surroundings) -> None:
        accounts, say = self._accounts, self._terminal.line
        say()
        say(f"  Waypost         {here.api}")
        say(f"  API docs        {here.api}/docs")
        say(f"  Admin           {accounts.admin_email}  {accounts.admin_password}")
        say(f"  Demo user       {accounts.user_email}  {accounts.user_password}")
        say(f"  Logs            {self._folder.logs}")
        say()
        say("  Ctrl-C stops everything.")
