"""The lab on this machine: its manifests in a folder that can be edited while it runs."""

import http.client
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

import msgspec

from daemun.demo import httpbin

HOST = "api.example.com"
_GATEWAY_PORT = 8080
_HTTPBIN_PORT = 8000


class Lab(msgspec.Struct, frozen=True):
    """A folder of manifests, and the port at which its Gateway will answer. `base` is for everything else."""

    base: Path
    folder: Path
    port: int

    def get(self, path: str) -> tuple[int, str, str]:
        """Send the request that the lab is about: status, reason and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers={"Host": HOST})
            response = connection.getresponse()
            return response.status, response.reason, response.read().decode()
        finally:
            connection.close()


@contextmanager
def lab() -> Iterator[Lab]:
    """The lab's manifests in a new folder, with an httpbin behind them; both are gone afterwards."""
    server = httpbin.start(_HTTPBIN_PORT)
    port = _free_port(_GATEWAY_PORT)
    try:
        with tempfile.TemporaryDirectory(prefix="daemun-demo-") as temporary:
            folder = Path(temporary) / "manifests"
            folder.mkdir()
            for source in resources.files("daemun.demo").joinpath("manifests").iterdir():
                text = source.read_text()
                text = text.replace(f"    port: {_GATEWAY_PORT}\n", f"    port: {port}\n")
                if source.name == "httpbin.yaml":
                    head, mark, tail = text.partition("kind: EndpointSlice")
                    text = head + mark + tail.replace(f"port: {_HTTPBIN_PORT}", f"port: {server.server_address[1]}")
                (folder / source.name).write_text(text)
            yield Lab(folder.parent, folder, port)
    finally:
        server.shutdown()
        server.server_close()


def _free_port(wanted: int) -> int:
    """The port, or another one if something else has it."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return wanted
