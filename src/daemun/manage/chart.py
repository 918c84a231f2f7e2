"""The chart of this version, and Helm, which installs it."""

import shutil
import subprocess
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from daemun.api.crds import definitions
from daemun.base.names import DAEMUN
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError
from daemun.manage.documents import Document

_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_CHECKOUT = Path(__file__).parents[3] / "deploy" / "chart"
_KUBE_VERSION = "v1.31.0"
"""What `template`, which asks no cluster, takes for its version: some builds of Helm know of no version that is newer
than 1.20.
"""
_MANAGER = "daemun-install"


class Release(msgspec.Struct, frozen=True):
    """A release of the chart, and the cluster that it is in. `values` are files, `sets` and `strings` as Helm's flags
    of that name."""

    name: str
    namespace: str
    context: str | None = None
    kubeconfig: Path | None = None
    values: tuple[Path, ...] = ()
    sets: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()

    def install(self, *, create_namespace: bool = True, wait: bool = False) -> list[str]:
        """The words for Helm to install it, or upgrade what is there."""
        flags = ["--create-namespace"] * create_namespace + ["--wait"] * wait
        return ["upgrade", "--install", self.name, str(path()), *self._where(), *self._given(), *flags]

    def upgrade(self, *, keep: bool = True, wait: bool = False) -> list[str]:
        """The words for Helm to bring what is there to this version; what was set before stays if `keep`."""
        flags = ["--reset-then-reuse-values"] * keep + ["--wait"] * wait
        return ["upgrade", self.name, str(path()), *self._where(), *self._given(), *flags]

    def template(self) -> list[str]:
        """The words for Helm to print all that would be installed."""
        version = ["--kube-version", _KUBE_VERSION]
        return ["template", self.name, str(path()), "--include-crds", *version, *self._where(), *self._given()]

    def uninstall(self) -> list[str]:
        """The words for Helm to take it away again. CRDs and whatever is of their kinds stays."""
        return ["uninstall", self.name, *self._where(), "--ignore-not-found"]

    def _where(self) -> list[str]:
        flags = ["--namespace", self.namespace]
        flags += ["--kube-context", self.context] if self.context else []
        return flags + (["--kubeconfig", str(self.kubeconfig)] if self.kubeconfig else [])

    def _given(self) -> list[str]:
        flags: list[str] = []
        for flag, given in (("--values", self.values), ("--set", self.sets), ("--set-string", self.strings)):
            flags += [word for one in given for word in (flag, str(one))]
        return flags


def path() -> Path:
    """The chart: in the package, or in a checkout beside it. Raises KubeError if it is in neither."""
    packaged = Path(str(resources.files("daemun") / "chart"))
    for place in (packaged, _CHECKOUT):
        if (place / "Chart.yaml").exists():
            return place
    raise KubeError("the chart is not part of this installation", "Install Daemun from its wheel.")


def helm(words: Iterable[str]) -> str:
    """What Helm answers. Raises KubeError with its words if it fails, or is not there."""
    program = shutil.which("helm")
    if program is None:
        raise KubeError("there is no helm on this machine", "Install Helm, 3.14 or newer.")
    done = subprocess.run([program, *words], capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode != 0:
        raise KubeError(f"helm does not do that: {' '.join(done.stderr.split()).removeprefix('Error: ')}")
    return done.stdout


class Difference(NamedTuple):
    """A CRD that is not `there`, or not as this version has it."""

    name: str
    text: str
    there: Document | None
    wanted: Document


async def differences(client: KubeClient) -> list[Difference]:
    """What of Gloo's and Daemun's CRDs is not as this version has it."""
    found = []
    for wanted in definitions():
        name = wanted["metadata"]["name"]
        answer = await client.find(f"{_CRDS}/{name}")
        if answer is None:
            found.append(Difference(name, "it is not there", None, wanted))
        elif not _same(there := msgspec.json.decode(answer), wanted):
            found.append(Difference(name, "its schema is another", there, wanted))
    return found


async def bring_crds(client: KubeClient) -> list[str]:
    """Make the CRDs that are missing, and bring Daemun's own to this version: Helm makes CRDs and never changes them.
    Gloo's that are there stay as whoever made them has them. The names of those that were written.
    """
    written = []
    for one in await differences(client):
        if one.there is None or one.wanted["spec"]["group"] == DAEMUN:
            await client.apply(f"{_CRDS}/{one.name}", one.wanted, _MANAGER)
            written.append(one.name)
    return written


async def delete_crds(client: KubeClient) -> list[str]:
    """Delete the CRDs of Gloo's and Daemun's kinds, and with them everything that is of these kinds."""
    gone = []
    for definition in definitions():
        name = definition["metadata"]["name"]
        try:
            await client.request("DELETE", f"{_CRDS}/{name}")
        except ApiError as error:
            if not error.missing:
                raise
        else:
            gone.append(name)
    return gone


async def delete_namespace(client: KubeClient, namespace: str) -> None:
    """Delete a namespace and all that is in it; one that is not there is gone already."""
    try:
        await client.request("DELETE", f"/api/v1/namespaces/{namespace}")
    except ApiError as error:
        if not error.missing:
            raise


def _same(there: Document, wanted: dict[str, Any]) -> bool:
    """Whether a CRD has the versions and the schemas that are wanted; the API server adds what it knows better."""
    ours = msgspec.json.decode(msgspec.json.encode(wanted))
    versions = {one["name"]: one.get("schema") for one in there["spec"]["versions"]}
    return versions == {one["name"]: one.get("schema") for one in ours["spec"]["versions"]}
