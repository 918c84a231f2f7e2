"""Upstreams and UpstreamGroups (Gloo) from a few words."""

from collections.abc import Mapping
from typing import Any

from daemun.base.names import GLOO, Name
from daemun.manage.documents import Document, WrongInput, document, reference

_HTTP = 80
_MOST = 65535
REST, GRPC = "rest", "grpc"


def static(name: Name, hosts: list[str], *, tls: bool | None = None, spec: str = "") -> Document:
    """Hosts that stand here, each `HOST`, `HOST:PORT` or `[IPV6]:PORT`; without a port 80. Port 443 means TLS.

    Raises WrongInput without hosts.
    """
    if not hosts:
        raise WrongInput("there are no hosts", "Name them with --static-hosts HOST:PORT.")
    content: dict[str, Any] = {"hosts": [_host(host) for host in hosts]}
    if tls is not None:
        content["useTls"] = tls
    return _upstream(name, "static", content | _spec(spec))


def kube(name: Name, service: Name, port: int, labels: Mapping[str, str] | None = None, spec: str = "") -> Document:
    """A port of a Service; with `labels` only the pods that have these, too. Raises WrongInput without a Service."""
    if not service.name:
        raise WrongInput("there is no Service", "Name it with --kube-service.")
    content: dict[str, Any] = {
        "serviceName": service.name,
        "serviceNamespace": service.namespace,
        "servicePort": port,
    }
    if labels:
        content["selector"] = dict(labels)
    return _upstream(name, "kube", content | _spec(spec))


def consul(name: Name, service: str, tags: list[str], spec: str = "") -> Document:
    """A service in Consul; with `tags` only the instances that have all of these.

    Raises WrongInput without a service.
    """
    if not service:
        raise WrongInput("there is no service", "Name it with --consul-service.")
    content = {"serviceName": service} | ({"serviceTags": tags} if tags else {})
    return _upstream(name, "consul", content | _spec(spec))


def aws(name: Name, region: str, secret: Name) -> Document:
    """AWS Lambda in a region."""
    _need_secret(secret, "aws")
    return _upstream(name, "aws", {"region": region, "secretRef": reference(secret)})


def azure(name: Name, app: str, secret: Name) -> Document:
    """An app of Azure Functions. Raises WrongInput without one."""
    if not app:
        raise WrongInput("there is no app", "Name it with --azure-app-name.")
    _need_secret(secret, "azure")
    return _upstream(name, "azure", {"functionAppName": app, "secretRef": reference(secret)})


def ec2(
    name: Name,
    region: str,
    secret: Name,
    *,
    role: str = "",
    port: int = _HTTP,
    public: bool = False,
    keys: list[str] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Document:
    """EC2 instances that have these tags."""
    filters: list[Document] = [{"key": key} for key in keys or ()]
    filters += [{"kvPair": {"key": key, "value": value}} for key, value in (tags or {}).items()]
    content: dict[str, Any] = {"region": region, "port": port}
    if secret.name:
        content["secretRef"] = reference(secret)
    content |= {"roleArn": role} if role else {}
    content |= {"publicIp": True} if public else {}
    content |= {"filters": filters} if filters else {}
    return _upstream(name, "awsEc2", content)


def group(name: Name, weights: Mapping[str, str]) -> Document:
    """Upstreams and their weights, each written `namespace.name`; what follows the first dot is the name.

    Raises WrongInput for what is written otherwise.
    """
    if not weights:
        raise WrongInput("there are no Upstreams", "Name them with --weighted-upstreams NAMESPACE.NAME=WEIGHT.")
    destinations = []
    for upstream, weight in weights.items():
        namespace, dot, rest = upstream.partition(".")
        if not dot or not rest:
            raise WrongInput(f"{upstream!r} is no Upstream with its namespace", "Write NAMESPACE.NAME=WEIGHT.")
        if not weight.isdecimal():
            raise WrongInput(f"the weight of {upstream} is {weight!r}", "A weight is a number, 0 or more.")
        destination = {"upstream": reference(Name(namespace, rest))}
        destinations.append({"destination": destination, "weight": int(weight)})
    return document(GLOO, "UpstreamGroup", name, spec={"destinations": destinations})


def secure(written: Document, secret: Name | None, sni: str) -> Document:
    """The Upstream with TLS to its endpoints: a Secret, a server name or both; what else is said of TLS stays."""
    spec = written.setdefault("spec", {})
    config = spec.setdefault("sslConfig", {})
    if secret is not None:
        config["secretRef"] = reference(secret)
    if sni:
        config["sni"] = sni
    return written


def open_up(written: Document) -> Document:
    """The Upstream without TLS."""
    written.get("spec", {}).pop("sslConfig", None)
    return written


def _upstream(name: Name, kind: str, content: Document) -> Document:
    return document(GLOO, "Upstream", name, spec={kind: content})


def _spec(spec: str) -> Document:
    """What functions the service has, empty: to be found out."""
    if spec not in {"", REST, GRPC}:
        raise WrongInput(f"--service-spec-type {spec} is not one", f"There are {REST} and {GRPC}.")
    return {"serviceSpec": {spec: {}}} if spec else {}


def _host(written: str) -> Document:
    host, port = written, _HTTP
    before, colon, after = written.rpartition(":")
    if written.startswith("[") and written.endswith("]"):
        host = written[1:-1]
    elif colon and (before.startswith("[") or ":" not in before):
        if not after.isdecimal() or not 0 < int(after) <= _MOST:
            raise WrongInput(f"{written!r} has no port after the colon", f"Write HOST:PORT, a port up to {_MOST}.")
        host, port = before.strip("[]"), int(after)
    if not host:
        raise WrongInput(f"{written!r} has no host", "Write HOST:PORT.")
    return {"addr": host, "port": port}


def _need_secret(secret: Name, kind: str) -> None:
    if not secret.name:
        raise WrongInput(
            "there is no Secret", f"Make one with create secret {kind}, and name it with --{kind}-secret-name."
        )
