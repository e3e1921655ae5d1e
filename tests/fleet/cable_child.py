"""Runs in a network namespace of its own, joined by a cable to a second one where a worker is to live.

Makes sockets here for a process outside, which is asked for over the descriptor that it is given.
"""

import socket
import subprocess
import sys

GATE, ISLAND = "10.77.0.1", "10.77.0.2"


def run(*words: str) -> None:
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def lay_cable(island: int) -> None:
    there = ("nsenter", "--target", str(island), "--net", "--")
    run("ip", "link", "add", "gate", "type", "veth", "peer", "name", "wire", "netns", str(island))
    run("ip", "address", "add", f"{GATE}/30", "dev", "gate")
    run("ip", "link", "set", "gate", "up")
    run(*there, "ip", "address", "add", f"{ISLAND}/30", "dev", "wire")
    run(*there, "ip", "link", "set", "wire", "up")
    run(*there, "ip", "link", "set", "lo", "up")


def serve(control: socket.socket, island: int) -> None:
    control.send(str(island).encode())
    # Sequential packets: each is one wish; an empty one is the end.
    while words := control.recv(100).decode():
        if words == "listen":
            with socket.create_server((GATE, 0)) as made:
                socket.send_fds(control, [b"made"], [made.fileno()])
        elif words == "socket":
            with socket.socket() as made:
                socket.send_fds(control, [b"made"], [made.fileno()])
        else:
            run("ip", "link", "set", "gate", words)
            control.send(b"done")


def main() -> None:
    with socket.socket(fileno=int(sys.argv[1])) as control:
        # Ends when this process does, for it reads what only this one could write.
        command = ["unshare", "--net", "--", "sh", "-c", "echo there; exec cat"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as island:
            assert island.stdout is not None
            if island.stdout.readline() != b"there\n":
                sys.exit("no second network namespace can be made here")
            lay_cable(island.pid)
            serve(control, island.pid)


if __name__ == "__main__":
    main()
