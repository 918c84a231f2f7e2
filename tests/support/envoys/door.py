"""A real Envoy before a backend, that asks a real `daemun extauth` about every request: each in a process of its own.

Envoy's configuration is written here, so that what is tested is the server and what Envoy makes of its answers. The
host of a request names its chain.
"""

import asyncio
import json
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL
from pathlib import Path
from typing import Any, Self

import msgspec

from daemun.ir.auth import CONTEXT, Chain
from daemun.provision import binary
from support.clients.client import Answer, ask
from support.scenes.world import until
from support.servers.backend import Echo
from support.servers.ports import free_port

_TYPE = "type.googleapis.com/envoy."
_AUTHZ = "envoy.filters.http.ext_authz"
DAEMUN = Path(sys.executable).parent / "daemun"


class Door:
    """`chains` are served from a file. What is asked with `host=NAME` is asked of the chain of that name."""

    def __init__(self, *chains: Chain, timeout: str = "20s", options: tuple[str, ...] = ()) -> None:
        self._chains = chains
        self._timeout = timeout
        self._options = options
        self._folder = Path(tempfile.mkdtemp(prefix="dmn-door-"))
        self.port, self.auth_port, self.health_port = free_port(), free_port(), free_port()
        self.echo = Echo("echo")
        self.server: asyncio.subprocess.Process | None = None
        self._envoy: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.echo.start()
        await self.serve()
        config = self._folder / "envoy.json"
        config.write_text(json.dumps(self._config()))
        self._envoy = await asyncio.create_subprocess_exec(
            *(binary.find(), "-c", config, "--disable-hot-restart", "--concurrency", "1", "-l", "error"),
            stdout=DEVNULL,
            stderr=DEVNULL,
        )
        await until(lambda: self.ask("nobody's"))
        return self

    async def __aexit__(self, *_: object) -> None:
        for process in (self._envoy, self.server):
            if process is not None and process.returncode is None:
                process.kill()
                await process.wait()
        await self.echo.stop()
        shutil.rmtree(self._folder)

    async def serve(self) -> None:
        """Start the server, also after its end."""
        file = self._written()
        self.server = await asyncio.create_subprocess_exec(
            *(DAEMUN, "extauth", "--chains", file, "--listen", f"127.0.0.1:{self.auth_port}", "--log-level", "error"),
            *("--allow", "127.0.0.0/8", "--health", f"127.0.0.1:{self.health_port}", *self._options),
        )
        await until(self._listens)

    def _written(self) -> Path:
        """The file with the chains."""
        file = self._folder / "chains.json"
        file.write_bytes(msgspec.json.encode(self._chains))
        file.chmod(0o600)
        return file

    async def ask(self, chain: str, path: str = "/", **request: Any) -> Answer:
        """One request about which this chain is asked."""
        return await ask(self.port, path, host=chain, **request)

    async def metrics(self) -> str:
        """What the server counts."""
        return (await ask(self.health_port, "/metrics")).body.decode()

    async def _listens(self) -> bool:
        _, writer = await asyncio.open_connection("127.0.0.1", self.auth_port)
        writer.close()
        return True

    def _config(self) -> dict[str, Any]:
        routes = [
            {
                "name": chain.name,
                "domains": [chain.name],
                "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "echo"}}],
                "typed_per_filter_config": {
                    _AUTHZ: {
                        "@type": _TYPE + "extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                        "check_settings": {"context_extensions": {CONTEXT: chain.name}},
                    }
                },
            }
            for chain in self._chains
        ]
        rest = {"name": "rest", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "echo"}}]}
        authz = {
            "@type": _TYPE + "extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "grpc_service": {"envoy_grpc": {"cluster_name": "auth"}, "timeout": self._timeout},
            "with_request_body": {"max_request_bytes": 65536, "pack_as_bytes": True, "allow_partial_message": True},
        }
        manager = {
            "@type": _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "door",
            "max_request_headers_kb": 8192,
            "route_config": {"virtual_hosts": [*routes, rest]},
            "http_filters": [
                {"name": _AUTHZ, "typed_config": authz},
                {
                    "name": "envoy.filters.http.router",
                    "typed_config": {"@type": _TYPE + "extensions.filters.http.router.v3.Router"},
                },
            ],
        }
        chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
        return {
            "admin": {"address": {"pipe": {"path": str(self._folder / "admin")}}},
            "static_resources": {
                "listeners": [{"name": "door", "address": _address(self.port), "filter_chains": [chain]}],
                "clusters": [_cluster("echo", self.echo.port), _cluster("auth", self.auth_port, http2=True)],
            },
        }


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int, *, http2: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}],
        },
    }
    if http2:
        found["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": {"http2_protocol_options": {}},
            }
        }
    return found
