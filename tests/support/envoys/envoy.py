"""Would the real Envoy take it? Resources as a static configuration, loaded with `--mode validate`.

What arrives by ADS is put where it is used: routes into the connection manager, endpoints into their cluster.
"""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envoy.config.core.v3 import config_source_pb2
from envoy.extensions.filters.http.router.v3 import router_pb2
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.transport_sockets.tls.v3 import secret_pb2, tls_pb2
from google.protobuf import json_format
from google.protobuf.message import Message

from daemun.ir.identity import Identity
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE
from daemun.ir.resource import CLUSTER, ENDPOINT, EXTENSION, LISTENER, SCOPE, SECRET
from daemun.provision.binary import find
from daemun.provision.bootstrap import EXTENSIONS
from daemun.translate import Translation
from support.checks.render import messages
from support.objects.certificates import authority

_IDENTITIES = (Identity("istio"), Identity("consul"), Identity("consul", "edge"))


def faults(made: Iterable[Translation], folder: Path) -> str:
    """What Envoy says against these translations, which it loads together; empty when it takes them."""
    config = folder / "envoy.json"
    config.write_text(json.dumps(bootstrap(made)))
    command = [find(), "--mode", "validate", "-c", config, "--log-level", "error", "--disable-hot-restart"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env={"PATH": os.environ.get("PATH", "")}
    )
    return "" if done.returncode == 0 else done.stderr + done.stdout


def _identities(number: str) -> list[secret_pb2.Secret]:
    """Who the proxies are in meshes, as an authority would say that no case has."""
    certificate, key = authority().issue("spiffe://cluster.local/ns/daemun-system/sa/daemun")
    found = []
    for one in _IDENTITIES:
        pair, trust = (secret_pb2.Secret(name=f"{number}{name}") for name in (one.pair, one.trust))
        pair.tls_certificate.certificate_chain.inline_bytes = certificate
        pair.tls_certificate.private_key.inline_bytes = key
        trust.validation_context.trusted_ca.inline_string = authority().pem
        found += [pair, trust]
    return found


def bootstrap(made: Iterable[Translation]) -> dict[str, Any]:
    """One static configuration of several translations. Listeners get ports of their own."""
    listeners: list[Any] = []
    clusters: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    for number, one in enumerate(made):
        found = messages(one)
        scopes = {(proxy, name): value for (proxy, kind, name), value in found.items() if kind == SCOPE}
        brought = {(proxy, name): value for (proxy, kind, name), value in found.items() if kind == EXTENSION}
        for (proxy, kind, name), message in found.items():
            unique = f"{number}/{proxy}/{name}"
            if kind == LISTENER:
                _inline(message, proxy, scopes, brought, f"{number}/")
                message.name = unique
                if not message.HasField("internal_listener"):
                    message.address.socket_address.port_value = 1024 + len(listeners)
                listeners.append(_tracing_to(_plain(message), f"{number}/{proxy}/"))
            elif kind == SECRET:
                message.name = f"{number}/{name}"
                secrets[message.name] = message
            elif kind == CLUSTER:
                message.name = unique
                if message.type == message.EDS:
                    message.ClearField("eds_cluster_config")
                    message.type = message.STATIC
                for holder in (message, *message.transport_socket_matches):
                    _inline_tls(holder, tls_pb2.UpstreamTlsContext(), f"{number}/")
                clusters[unique] = message
        for message in _identities(f"{number}/"):
            secrets[message.name] = message
        for (proxy, kind, name), message in found.items():
            if kind == ENDPOINT:
                clusters[f"{number}/{proxy}/{name}"].load_assignment.MergeFrom(message)
    return {
        "node": {"id": "test", "cluster": "test"},
        "bootstrap_extensions": EXTENSIONS,
        "layered_runtime": {
            "layers": [{"name": "test", "static_layer": {"re2.max_program_size.error_level": RE2_MAX_PROGRAM_SIZE}}]
        },
        "static_resources": {
            "listeners": listeners,
            "clusters": [_named(_plain(one)) for one in clusters.values()],
            "secrets": [_plain(one) for one in secrets.values()],
        },
    }


def _tracing_to(value: Any, prefix: str) -> Any:
    """The listener with the names that clusters have here. A tracer asks for its cluster at once; nothing else does."""
    if isinstance(value, list):
        return [_tracing_to(one, prefix) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        key: f"{prefix}{one}" if key in ("collector_cluster", "collectorCluster") else _tracing_to(one, prefix)
        for key, one in value.items()
    }


def _named(cluster: Any) -> Any:
    """The cluster with the names of its health checks, which JSON loses: the generated messages do not know them."""
    if len(cluster.get("health_checks", ())) > 1:
        for index, check in enumerate(cluster["health_checks"]):
            check["name"] = str(index)
    return cluster


def _plain(message: Message) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _inline(
    listener: Any, proxy: str, scopes: dict[tuple[str, str], Any], brought: dict[tuple[str, str], Any], prefix: str
) -> None:
    for chain in listener.filter_chains:
        manager = hcm_v3.HttpConnectionManager()
        if chain.filters[-1].typed_config.Unpack(manager) and manager.HasField("scoped_routes"):
            manager.scoped_routes.ClearField("rds_config_source")
            found = manager.scoped_routes.scoped_route_configurations_list
            found.scoped_route_configurations.extend(one for (of, _), one in scopes.items() if of == proxy)
            bring(manager, {name: one for (of, name), one in brought.items() if of == proxy})
            chain.filters[-1].typed_config.Pack(manager)
        _inline_tls(chain, tls_pb2.DownstreamTlsContext(), prefix)


def bring(manager: hcm_v3.HttpConnectionManager, extensions: Mapping[str, Any]) -> None:
    """Give a connection manager at once the filters that it would ask for."""
    router = router_pb2.Router()
    manager.http_filters[-1].typed_config.Unpack(router)
    for one in (*manager.http_filters, *router.upstream_http_filters):
        if one.HasField("config_discovery"):
            one.typed_config.CopyFrom(extensions[one.name].typed_config)
    manager.http_filters[-1].typed_config.Pack(router, deterministic=True)


def _inline_tls(holder: Any, tls: Any, prefix: str) -> None:
    """Let the TLS of a filter chain or cluster, if it has any, find its secrets in the static configuration."""
    if not holder.HasField("transport_socket"):
        return
    if not holder.transport_socket.typed_config.Unpack(tls):
        return
    common = tls.common_tls_context
    references = list(common.tls_certificate_sds_secret_configs)
    if common.HasField("combined_validation_context"):
        references.append(common.combined_validation_context.validation_context_sds_secret_config)
    for reference in references:
        if reference.sds_config.HasField("api_config_source"):
            # Of another server. Envoy 1.40 crashes when it has validated a configuration with such a source.
            common.ClearField("tls_certificate_sds_secret_configs")
            common.ClearField("combined_validation_context")
            break
        assert reference.sds_config != config_source_pb2.ConfigSource()
        reference.ClearField("sds_config")
        reference.name = f"{prefix}{reference.name}"
    if common.validation_context.trusted_ca.filename:
        common.validation_context.trusted_ca.inline_string = authority().pem
    holder.transport_socket.typed_config.Pack(tls)
