"""Arguments that several commands take, so that they read and behave the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

Paths = Annotated[
    list[Path],
    typer.Argument(metavar="PATH...", help="Files or folders with manifests (YAML or JSON), read recursively."),
]

SomePaths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH...", help="Files or folders with manifests; with --kube-context none are needed."),
]


def _ip(text: str) -> str:
    import ipaddress

    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not an IP address.") from None


Address = Annotated[
    str,
    typer.Option("--address", help="Where Gateways listen that ask for no address.", metavar="IP", callback=_ip),
]


def _networks(values: list[str] | None) -> list[str]:
    import ipaddress

    try:
        return [str(ipaddress.ip_network(value)) for value in values or ()]
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from None


Allowed = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-address",
        help="A network of the proxies' own machine or link that Upstreams may lead to; several times for several.",
        metavar="CIDR",
        callback=_networks,
    ),
]
WatchNamespaces = Annotated[
    list[str] | None, typer.Option(help="Only this namespace; several times for several.", metavar="NAMESPACE")
]
Image = Annotated[str, typer.Option(envvar="DAEMUN_IMAGE", help="The image of the proxies; it has Envoy and Daemun.")]
ImagePullPolicy = Annotated[
    str, typer.Option(envvar="DAEMUN_IMAGE_PULL_POLICY", help="When the proxies' image is pulled.")
]
Istiod = Annotated[
    str,
    typer.Option(
        "--istiod",
        envvar="DAEMUN_ISTIOD",
        help="Istio's authority: who issues the certificates by which proxies speak to sidecars.",
        metavar="HOST:PORT",
    ),
]
IstioToken = Annotated[Path, typer.Option(help="The file with the token that we prove ourselves to istiod with.")]
IstioAuthority = Annotated[Path, typer.Option(help="The file with whom istiod's own certificate comes from.")]
ISTIO_TOKEN = Path("/var/run/secrets/tokens/istio-token")
ISTIO_AUTHORITY = Path("/var/run/secrets/istio/root-cert.pem")
"""Where Istio's own proxies have them."""
KubeContext = Annotated[
    str | None,
    typer.Option("--kube-context", help="A context of the kubeconfig: read that cluster.", metavar="NAME"),
]
LogLevel = Annotated[str, typer.Option(envvar="DAEMUN_LOG_LEVEL", help="debug, info, warning or error.")]
Gateway = Annotated[str | None, typer.Option("--gateway", help="Only this Gateway.", metavar="NAMESPACE/NAME")]
RealPorts = Annotated[
    bool, typer.Option("--real-ports", help="Bind ports below 1024 as they are, instead of 8000 higher.")
]

Files = Annotated[
    list[Path] | None,
    typer.Option(
        "--file",
        "-f",
        help="A file or folder with manifests, several times for several; without any the cluster is read.",
        metavar="PATH",
    ),
]
Namespace = Annotated[str | None, typer.Option("--namespace", "-n", help="Only this namespace.", metavar="NAME")]


class ServiceType(StrEnum):
    """How proxies in a cluster are reached."""

    load_balancer = "LoadBalancer"
    node_port = "NodePort"
    cluster_ip = "ClusterIP"


class TextOrData(StrEnum):
    """How a command answers."""

    text = "text"
    yaml = "yaml"
    json = "json"


class Report(StrEnum):
    """How problems are told."""

    text = "text"
    yaml = "yaml"
    json = "json"
    sarif = "sarif"
    github = "github"


class Data(StrEnum):
    """How a command answers that has no text form."""

    yaml = "yaml"
    json = "json"


class View(StrEnum):
    """How a command answers that lists objects."""

    text = "text"
    wide = "wide"
    yaml = "yaml"
    json = "json"
    name = "name"
