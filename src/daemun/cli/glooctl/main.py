"""`glooctl`: its commands."""

import sys

import msgspec
import typer

from daemun.cli.glooctl import absent, check, create, debug, edit, get, install, proxy, routes, version
from daemun.cli.glooctl.common import SYSTEM, Group, Where, common

app = typer.Typer(
    name="glooctl",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(create.app, name="create")
app.add_typer(get.app, name="get")
app.add_typer(get.delete, name="delete")
app.add_typer(edit.app, name="edit")
app.add_typer(routes.add, name="add")
app.add_typer(routes.remove, name="remove")
app.add_typer(routes.sort, name="route")
app.add_typer(install.app, name="install")
app.add_typer(proxy.app, name="proxy")
app.add_typer(debug.app, name="debug")
app.command()(check.check)
app.command("check-crds")(check.check_crds)
app.command()(version.version)
app.command()(install.uninstall)
app.command()(install.upgrade)
absent.add_to(app)


@app.callback()
@common
def main(ctx: typer.Context, where: Where) -> None:
    """The commands of Gloo's documents, for Daemun. `daemun` has more of them.

    Objects are looked for in the namespace gloo-system, unless -n names another.
    """
    ctx.obj = msgspec.structs.replace(where, fallback=SYSTEM)


def run() -> None:
    """The console script. A reader that went away is no error."""
    try:
        app()
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
