"""A real Vault in dev mode: in memory, unsealed, with a root token."""

import contextlib
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.servers.ports import free_port

from . import tools
from .processes import Processes, until

NAME = "vault"
ROOT = "root-token-of-a-test"
SECRETS = "gloo/gloo.solo.io/v1/Secret"


class VaultServer:
    """One Vault. It can be killed, paused, sealed; what it holds is gone with it."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self._listen = f"{host}:{free_port()}"
        self.address = f"http://{self._listen}"
        self.processes = Processes(folder)
        self._config = folder / "vault.hcl"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._config.parent.mkdir(parents=True, exist_ok=True)
        # It would also listen on the next port, which somebody else is given.
        self._config.write_text("disable_clustering = true\n")
        command = [
            *(tools.path(NAME), "server", "-dev", "-dev-no-store-token", f"-dev-root-token-id={ROOT}"),
            f"-dev-listen-address={self._listen}",
            f"-config={self._config}",
        ]
        self.processes.start(NAME, command, {"HOME": str(self.processes.log(NAME).parent), "SKIP_SETCAP": "1"})
        self.processes.wait(NAME, self._up, 90)

    def kill(self) -> None:
        """End it without a word."""
        self.processes.stop(NAME, signal.SIGKILL)

    def pause(self) -> None:
        """It takes connections, and says nothing."""
        self.processes.send(NAME, signal.SIGSTOP)
        until(lambda: self.processes.paused(NAME), 20)

    def resume(self) -> None:
        """It goes on."""
        self.processes.send(NAME, signal.SIGCONT)

    def ask(self, method: str, path: str, body: Any = None, token: str = ROOT) -> dict[str, Any]:
        """An answer of its API."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.address}/v1/{path}", data, {"X-Vault-Token": token}, method=method
        )
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - loopback
            text = answer.read()
        return dict(json.loads(text)) if text else {}

    def put(self, name: str, held: dict[str, Any], mount: str = "secret/data") -> None:
        """Write a Secret where Gloo has it, by `namespace/name`."""
        body = {"data": held} if mount.endswith("/data") else held
        self.ask("POST", f"{mount}/{SECRETS}/{name}", body)

    def delete(self, name: str) -> None:
        """Delete its newest version, as `vault kv delete` does."""
        self.ask("DELETE", f"secret/data/{SECRETS}/{name}")

    def policy(self, name: str, *paths: str) -> None:
        """A policy to read these paths."""
        rules = "\n".join(f'path "{path}" {{ capabilities = ["read"] }}' for path in paths)
        self.ask("PUT", f"sys/policies/acl/{name}", {"policy": rules})

    def token(self, *policies: str, ttl: str = "1h", **more: Any) -> str:
        """A token with these policies."""
        body = {"policies": list(policies), "ttl": ttl, "no_default_policy": False, **more}
        return str(self.ask("POST", "auth/token/create-orphan", body)["auth"]["client_token"])

    def _up(self) -> bool:
        with contextlib.suppress(OSError):
            return bool(self.ask("GET", "sys/health").get("initialized"))
        return False


@contextlib.contextmanager
def running(folder: Path, host: str = "127.0.0.1") -> Iterator[VaultServer]:
    """A Vault for the time of the block, on an address of this machine."""
    server = VaultServer(folder, host)
    try:
        server.start()
        yield server
    finally:
        server.resume()
        server.kill()
