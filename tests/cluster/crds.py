"""Gateway API's CustomResourceDefinitions, of whatever release, straight from its Go module. None are copied here."""

from pathlib import Path

import yaml

from . import tools
from .client import Client, established
from .processes import ClusterError, until

_MODULE = "sigs.k8s.io/gateway-api"
_GROUP = "gateway.networking.k8s.io"


def pinned() -> str:
    """The release that the conformance suite is of."""
    return tools.version("conformance", _MODULE)


def files(release: str, channel: str = "experimental") -> list[Path]:
    """The manifests of a channel (standard or experimental) of a release.

    Without the policy that guards upgrades: it would refuse a change of channel, which tests do.
    """
    folder = tools.module(_MODULE, release) / "config" / "crd" / channel
    return [one for one in sorted(folder.glob("gateway.networking.*.yaml")) if "vap_" not in one.name]


def install(client: Client, release: str | None = None, channel: str = "experimental") -> list[str]:
    """Install them and wait until they are served; their names."""
    names = []
    for file in files(release or pinned(), channel):
        for document in yaml.load_all(file.read_text(), Loader=yaml.CSafeLoader):
            if document:
                client.apply(document)
                names.append(document["metadata"]["name"])
    for name in names:
        if not established(client, name):
            raise ClusterError(f"the API server does not serve {name}")
    return names


def installed(client: Client) -> list[str]:
    """The names of those that are there, of whatever release."""
    found = client.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"] or ()
    return [one["metadata"]["name"] for one in found if one["spec"]["group"] == _GROUP]


def remove(client: Client, names: list[str]) -> None:
    """Take them away, and with them every object of their kinds; wait until they are gone."""
    for name in names:
        client.delete(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
    if not until(lambda: not set(names).intersection(installed(client)), 60):
        raise ClusterError(f"{', '.join(names)} cannot be removed")
