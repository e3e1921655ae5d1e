"""python -m worker.sandbox: an emulated WhatsApp network for this machine."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path


def main() -> int:
    arguments = _arguments()
    logging.basicConfig(level=arguments.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    return asyncio.run(_run(arguments.data, arguments.port))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m worker.sandbox", description=__doc__)
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(".waypost/sandbox"),
        help="where it remembers everything (%(default)s)",
    )
    parser.add_argument("--port", type=int, default=0, help="of the proxy, on loopback; 0 is any free one")
    parser.add_argument("--log-level", default="info", help="debug shows every stanza (%(default)s)")
    return parser.parse_args()


async def _run(data: Path, port: int) -> int:
    # The library takes a second to load: --help and wrong arguments need not wait for it.
    from worker.sandbox.sandbox import Sandbox  # noqa: PLC0415

    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with Sandbox(data, port) as sandbox:
        sys.stdout.write(
            f"WAYPOST_SANDBOX_PROXY={sandbox.proxy}\n"
            f"WAYPOST_SANDBOX_CA={sandbox.certificate.resolve()}\n"
            f"WAYPOST_SANDBOX_ROOT_KEY={sandbox.root_key.public.hex()}\n"
        )
        sys.stdout.flush()
        await stopping.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
