"""What a client in a mesh gets that speaks no HTTP; a program for a network namespace of its own, as root.

    unshare --net ... python -m support.clients.meshed FOLDER

It serves the folder, redirects all but root's connections, and tells what an unprivileged client is answered.
"""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

ADDRESS = "10.96.0.10"
SECONDS = 60.0
GREETING = b"220 who speaks first"
NOBODY = 65534


def main(folder: Path) -> None:
    """Serve, ask and tell, as one line of JSON."""
    for command in ("link set lo up", f"address add {ADDRESS}/32 dev lo"):
        subprocess.run(["ip", *command.split()], check=True)
    server = socket.create_server((ADDRESS, 80))
    threading.Thread(target=_serve, args=(server,), daemon=True).start()
    up = subprocess.Popen([sys.executable, "-m", "daemun", "up", str(folder), "-o", "json"], stdout=subprocess.DEVNULL)
    try:
        _until_it_listens(15001)
        subprocess.run([sys.executable, "-m", "daemun", "redirect", "--user", "root"], check=True)
        told = {
            "silent": _as_nobody(lambda: _answer(b"")),
            "tls": _as_nobody(lambda: _answer(b"\x16\x03\x01\x00\x05hello")),
            "http": _as_nobody(lambda: _answer(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")),
        }
    finally:
        up.terminate()
        up.wait(30)
    print(json.dumps(told))


def _serve(server: socket.socket) -> None:
    """Greet who says nothing for a while, and say after others what they said."""
    while True:
        connection, _ = server.accept()
        threading.Thread(target=_talk, args=(connection,), daemon=True).start()


def _talk(connection: socket.socket) -> None:
    connection.settimeout(0.3)
    with connection:
        try:
            connection.sendall(b"said: " + connection.recv(1024))
        except TimeoutError:
            connection.sendall(GREETING)


def _answer(words: bytes) -> str:
    with socket.socket() as client:
        client.settimeout(SECONDS)
        client.connect((ADDRESS, 80))
        client.sendall(words)
        return client.recv(1024).decode("latin-1")


def _as_nobody(ask: Callable[[], str]) -> str:
    """What is answered in a process of somebody who is not root."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            os.write(writing, ask().encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return told


def _until_it_listens(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens on port {port}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
