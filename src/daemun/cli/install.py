"""`daemun install`, `upgrade` and `uninstall`: the chart of this version, with Helm."""

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.kube.client import KubeClient
    from daemun.manage.chart import Release

Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Where the control plane runs.", metavar="NAME")]
ReleaseName = Annotated[str, typer.Option("--release", help="The name of the release.", metavar="NAME")]
Values = Annotated[
    list[Path] | None, typer.Option("--values", "-f", help="A file of values; several times for several.")
]
Sets = Annotated[list[str] | None, typer.Option("--set", help="A value: KEY=VALUE.", metavar="KEY=VALUE")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the objects, and change nothing.")]
Wait = Annotated[bool, typer.Option("--wait", help="End when everything runs.")]
Context = Annotated[str | None, typer.Option("--kube-context", help="A context of the kubeconfig.", metavar="NAME")]
_NAMESPACE, _RELEASE = "daemun-system", "daemun"


def install(
    namespace: Namespace = _NAMESPACE,
    release: ReleaseName = _RELEASE,
    values: Values = None,
    sets: Sets = None,
    kube_context: Context = None,
    wait: Wait = False,
    dry_run: DryRun = False,
) -> None:
    """Install Daemun into a cluster, or bring what is there to this version and these values.

    Helm does it, with the chart that belongs to this version; it must be on this machine. Gateway API's CRDs come from
    its own release.

    Examples:

      daemun install --set kubeGateway.enabled=true

      daemun install -n gloo-system --release gloo -f values-of-gloo.yaml --dry-run | less
    """
    one = _release(release, namespace, kube_context, values, sets)
    if dry_run:
        typer.echo(helm(one.template()), nl=False)
        return
    helm(one.install(wait=wait))
    print(f"Daemun is installed in {namespace}, as the release {release}.")
    finish(kube_context, None)


def upgrade(
    namespace: Namespace = _NAMESPACE,
    release: ReleaseName = _RELEASE,
    values: Values = None,
    sets: Sets = None,
    kube_context: Context = None,
    wait: Wait = False,
    reset: Annotated[bool, typer.Option("--reset-values", help="Forget the values that were set before.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Bring an installation to this version. What was set before stays, unless it is set anew."""
    one = _release(release, namespace, kube_context, values, sets)
    if dry_run:
        typer.echo(helm(one.template()), nl=False)
        return
    helm(one.upgrade(keep=not reset, wait=wait))
    print(f"The release {release} in {namespace} is of this version.")
    finish(kube_context, None)


def uninstall(
    namespace: Namespace = _NAMESPACE,
    release: ReleaseName = _RELEASE,
    kube_context: Context = None,
    crds: Annotated[
        bool, typer.Option("--delete-crds", help="Also the CRDs of Gloo and Daemun, and all objects of these kinds.")
    ] = False,
    with_namespace: Annotated[
        bool, typer.Option("--delete-namespace", help="Also the namespace, and all that is in it.")
    ] = False,
) -> None:
    """Take Daemun out of a cluster. What users wrote stays, and so do the CRDs, unless it is asked for."""
    helm(_release(release, namespace, kube_context, None, None).uninstall())
    print(f"The release {release} in {namespace} is gone.")
    remove(kube_context, None, namespace if with_namespace else None, crds=crds)


def helm(words: list[str]) -> str:
    """What Helm answers; end the program with its words if it fails."""
    from daemun.kube.errors import KubeError
    from daemun.manage import chart

    try:
        return chart.helm(words)
    except KubeError as error:
        fail(error.text, error.mend, code=1)


def remove(context: str | None, kubeconfig: Path | None, namespace: str | None, *, crds: bool) -> None:
    """Delete the CRDs if that is wanted, and a namespace if one is named."""
    from daemun.manage import chart

    async def work(client: "KubeClient") -> None:
        if crds:
            for name in await chart.delete_crds(client):
                print(f"CustomResourceDefinition {name} deleted")
        if namespace is not None:
            await chart.delete_namespace(client, namespace)
            print(f"Namespace {namespace} deleted")

    if crds or namespace is not None:
        _connected(context, kubeconfig, work)


def _release(
    name: str, namespace: str, context: str | None, values: list[Path] | None, sets: list[str] | None
) -> "Release":
    from daemun.manage.chart import Release

    for file in values or ():
        if not file.exists():
            fail(f"{file} does not exist", "Name a file of values.")
    return Release(name, namespace, context, None, tuple(values or ()), tuple(sets or ()))


def finish(context: str | None, kubeconfig: Path | None) -> None:
    """Bring the CRDs to this version, and say what a person has to do still."""
    from daemun.kube import paths
    from daemun.manage import chart

    async def work(client: "KubeClient") -> None:
        for name in await chart.bring_crds(client):
            print(f"CustomResourceDefinition {name} is of this version")
        if await client.find(paths.root("gateway.networking.k8s.io", "v1")) is None:
            print("Gateway API's CRDs are not there: install them from its release, and Daemun serves them at once.")

    _connected(context, kubeconfig, work)


def _connected(
    context: str | None, kubeconfig: Path | None, work: "Callable[[KubeClient], Coroutine[Any, Any, None]]"
) -> None:
    import asyncio

    from daemun.kube.client import KubeClient
    from daemun.kube.errors import KubeError

    async def connected() -> None:
        async with KubeClient.connect(context, kubeconfig, patient=True) as client:
            await work(client)

    try:
        asyncio.run(connected())
    except KubeError as error:
        fail(error.text, error.mend, code=1)
