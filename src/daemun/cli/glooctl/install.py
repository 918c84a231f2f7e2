"""`glooctl install`, `uninstall` and `upgrade`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.glooctl.common import Where, common, group
from daemun.cli.glooctl.making import Several
from daemun.cli.install import finish, helm, remove
from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.manage.chart import Release

_ENTERPRISE = "--license-key is not needed: everything is free."
ReleaseName = Annotated[str, typer.Option("--release-name", help="The name of the release.", metavar="NAME")]
Values = Annotated[Several, typer.Option("--values", help="Files of values, with commas.")]
Namespaced = Annotated[bool, typer.Option("--create-namespace/--no-create-namespace", help="Make the namespace.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-d", help="Print the objects, and change nothing.")]
Ignored = Annotated[str | None, typer.Option("--version", help="Only the version of this program.", hidden=True)]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", hidden=True, help="Nothing more is said.")]
_EDGE = ("gateway.enabled=true",)
_KUBE = ("kubeGateway.enabled=true",)

app = group("Install Daemun where Gloo would be.")


def _install(where: Where, release: "Release", *, create: bool, dry_run: bool) -> None:
    if dry_run:
        typer.echo(helm(release.template()), nl=False)
        return
    helm(release.install(create_namespace=create, wait=True))
    print(f"Gloo's place is taken: Daemun is installed in {where.system}.")
    finish(where.kube_context, where.kubeconfig)


def _release(
    where: Where, name: str, values: list[str] | None, version: str | None, sets: tuple[str, ...]
) -> "Release":
    from daemun import __version__
    from daemun.manage.chart import Release
    from daemun.manage.documents import words

    if version not in {None, __version__}:
        fail(f"this program installs its own version, {__version__}, and not {version}", "Leave out --version.")
    files = tuple(Path(word) for word in words(values or []))
    missing = next((file for file in files if not file.exists()), None)
    if missing is not None:
        fail(f"{missing} does not exist", "Name files of values.")
    return Release(name, where.system, where.kube_context, where.kubeconfig, files, sets)


gateway = typer.Typer(rich_markup_mode=None)
app.add_typer(gateway, name="gateway")


@gateway.callback(invoke_without_command=True)
@common
def classic(
    ctx: typer.Context,
    where: Where,
    release_name: ReleaseName = "gloo",
    values: Values = None,
    create_namespace: Namespaced = True,
    dry_run: DryRun = False,
    version: Ignored = None,
    verbose: Verbose = False,
) -> None:
    """Install Daemun with Gloo's classic API."""
    del verbose
    if ctx.invoked_subcommand is None:
        release = _release(where, release_name, values, version, _EDGE)
        _install(where, release, create=create_namespace, dry_run=dry_run)


@gateway.command()
@common
def enterprise(
    where: Where,
    release_name: ReleaseName = "gloo",
    values: Values = None,
    create_namespace: Namespaced = True,
    dry_run: DryRun = False,
    version: Ignored = None,
    verbose: Verbose = False,
    license_key: Annotated[str, typer.Option("--license-key", help=_ENTERPRISE)] = "",
    with_gloo_fed: Annotated[bool, typer.Option("--with-gloo-fed", hidden=True, help="Not here.")] = False,
) -> None:
    """The same: what Gloo sells as Enterprise is part of Daemun. The servers of authorization and limits run, too."""
    del verbose, license_key
    if with_gloo_fed:
        fail("there is no federation of clusters here", "Leave out --with-gloo-fed.")
    servers = ("global.extensions.extAuth.enabled=true", "global.extensions.rateLimit.enabled=true")
    release = _release(where, release_name, values, version, (*_EDGE, *servers))
    _install(where, release, create=create_namespace, dry_run=dry_run)


@app.command("kube-gateway")
@common
def kube_gateway(
    where: Where,
    release_name: ReleaseName = "gloo",
    values: Values = None,
    create_namespace: Namespaced = True,
    dry_run: DryRun = False,
    version: Ignored = None,
    verbose: Verbose = False,
) -> None:
    """Install Daemun with Gateway API."""
    del verbose
    release = _release(where, release_name, values, version, _KUBE)
    _install(where, release, create=create_namespace, dry_run=dry_run)


@common
def uninstall(
    where: Where,
    release_name: ReleaseName = "gloo",
    delete_crds: Annotated[
        bool, typer.Option("--delete-crds", help="Also the CRDs, and all objects of these kinds.")
    ] = False,
    delete_namespace: Annotated[
        bool, typer.Option("--delete-namespace", help="Also the namespace, and all that is in it.")
    ] = False,
    everything: Annotated[bool, typer.Option("--all", help="All of that.")] = False,
    verbose: Verbose = False,
) -> None:
    """Take Daemun out of a cluster."""
    del verbose
    helm(_release(where, release_name, None, None, ()).uninstall())
    print(f"The release {release_name} in {where.system} is gone.")
    namespace = where.system if delete_namespace or everything else None
    remove(where.kube_context, where.kubeconfig, namespace, crds=delete_crds or everything)


@common
def upgrade(
    path: Annotated[str | None, typer.Option("--path", hidden=True, help="Not here.")] = None,
    release: Annotated[str | None, typer.Option("--release", hidden=True, help="Not here.")] = None,
) -> None:
    """How this program is upgraded: it is a Python package, and does not replace itself."""
    del path, release
    fail("glooctl is a part of Daemun, and does not replace itself", "Run: pip install --upgrade daemun", code=1)
