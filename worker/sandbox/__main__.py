"""python -m worker.sandbox: an emulated WhatsApp network for this machine."""

import argparse
import asyncio
import errno
import logging
import os
import signal
import sys
from pathlib import Path

from worker.sandbox.arguments import parse
from worker.sandbox.instance import RECORD, FolderError, Place, only_one, told_in

_TOKEN = "WAYPOST_SANDBOX_CONTROL_TOKEN"  # noqa: S105 (the name of a variable)


def main() -> int:
    arguments = parse()
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    try:
        with only_one(arguments.data):
            # What a killed one has left would tell of nobody.
            (arguments.data / RECORD).unlink(missing_ok=True)
            return _main(arguments)
    except FolderError as error:
        return _fail(str(error), 1)


def _main(arguments: argparse.Namespace) -> int:
    # The library takes a second to load: --help and wrong arguments need not wait for it.
    from worker.sandbox.control.token import TokenError  # noqa: PLC0415
    from worker.sandbox.word_tables import UnknownLibraryError  # noqa: PLC0415

    try:
        token, token_file = _token(arguments)
    except TokenError as error:
        return _fail(str(error), 2)
    try:
        return asyncio.run(_run(arguments, token, token_file))
    except UnknownLibraryError as error:
        return _fail(f"this version of neonize is not known here: {error}", 1)
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        advice = "; choose another port, or 0 for any free one" if error.errno == errno.EADDRINUSE else ""
        return _fail(f"{place}{error.strerror or error}{advice}", 1)


def _token(arguments: argparse.Namespace) -> tuple[str, Path | None]:
    from worker.sandbox.control.token import checked, kept_token, token_in  # noqa: PLC0415

    if arguments.control_token_file is not None:
        return token_in(arguments.control_token_file), arguments.control_token_file
    if given := os.environ.get(_TOKEN, "").strip():
        return checked(given, _TOKEN), None
    file = arguments.data / "control-token"
    return kept_token(file), file


async def _run(arguments: argparse.Namespace, token: str, token_file: Path | None) -> int:
    from worker.sandbox.control.server import ControlServer  # noqa: PLC0415
    from worker.sandbox.options import Options  # noqa: PLC0415
    from worker.sandbox.sandbox import Sandbox  # noqa: PLC0415

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    options = Options(clock=arguments.clock, seed=arguments.seed)
    async with (
        Sandbox(arguments.data, arguments.port, options) as sandbox,
        ControlServer(sandbox.network, token, arguments.control_port) as control,
    ):
        place = Place(
            proxy=sandbox.proxy,
            certificate=str(sandbox.certificate.absolute()),
            root_key=sandbox.root_key.public.hex(),
            control_url=control.url,
            control_token=token,
        )
        with told_in(arguments.data / RECORD, place):
            _print(place, token_file)
            await stopping.wait()
    return 0


def _print(place: Place, token_file: Path | None) -> None:
    lines = {
        "WAYPOST_SANDBOX_PROXY": place.proxy,
        "WAYPOST_SANDBOX_CA": place.certificate,
        "WAYPOST_SANDBOX_ROOT_KEY": place.root_key,
        "WAYPOST_SANDBOX_CONTROL_URL": place.control_url,
    }
    if token_file is not None:
        lines[f"{_TOKEN}_FILE"] = str(token_file.absolute())
    sys.stdout.writelines(f"{name}={value}\n" for name, value in lines.items())
    sys.stdout.flush()


def _fail(problem: str, code: int) -> int:
    sys.stderr.write(f"python -m worker.sandbox: {problem}\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
