"""`daemun`: the commands. Heavy modules load inside them, so that --help answers at once."""

import sys
from typing import Annotated

import typer

from daemun import __version__
from daemun.cli import (
    check,
    crds,
    demo,
    diff,
    explain,
    extauth,
    get,
    inject,
    install,
    migrate,
    openapi,
    policy,
    proxy,
    ratelimit,
    redirect,
    serve,
    translate,
    tree,
    trial,
    up,
    webhook,
)
from daemun.cli.glooctl import create

app = typer.Typer(
    name="daemun",
    help="An API gateway: Gateway API manifests, served by real Envoy proxies.",
    epilog="Start with: daemun demo",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help answers in half the time
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(up.up)
app.command()(serve.serve)
app.command()(webhook.webhook)
app.command()(inject.inject)
app.command()(extauth.extauth)
app.command()(ratelimit.ratelimit)
app.command()(redirect.redirect)
app.command()(get.get)
app.command()(tree.tree)
app.command()(policy.policy)
app.command()(check.check)
app.command("test")(trial.trial)
app.command()(diff.diff)
app.command()(translate.translate)
app.command()(openapi.openapi)
app.command()(explain.explain)
app.command()(crds.crds)
app.command()(install.install)
app.command()(install.upgrade)
app.command()(install.uninstall)
app.add_typer(proxy.app, name="proxy")
app.add_typer(migrate.app, name="migrate")
app.add_typer(create.app, name="create")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"daemun {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """An API gateway: Gateway API manifests, served by real Envoy proxies."""
    del version


def run() -> None:
    """The console script. A reader that went away (`daemun check | head`) is no error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
