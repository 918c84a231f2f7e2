"""Commands of Gloo's that are not here: each says why, and what there is instead."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated

import typer

from daemun.cli.output import fail

WHY: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "cluster": ("there is no federation of clusters here", "Install Daemun into each cluster."),
        "completion": ("the shell completes it differently here", "Run: glooctl --install-completion"),
        "dashboard": ("there is no dashboard", "See `daemun get`, `daemun tree` and `daemun check`."),
        "demo": ("there is no federation of clusters here", "`daemun demo` serves the lab on this machine."),
        "gateway-api": ("that is another command here", "Run: daemun migrate gloo PATH..."),
        "init-plugin-manager": ("there are no plug-ins of the command line", "`daemun` has all commands."),
        "license": ("there is no licence to check: everything is free", ""),
        "plugin": ("there are no plug-ins of the command line", "`daemun` has all commands."),
        "usage": ("nothing is counted for a licence", "See the metrics of the control plane and the proxies."),
    }
)
"""By the first word of the command, why it is not here, and what to do instead."""


def add_to(app: typer.Typer) -> None:
    """Make each of them a command that says so."""
    for word in WHY:
        settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        app.command(word, hidden=True, context_settings=settings, help=WHY[word][0])(_telling(word))


def _telling(word: str) -> Callable[..., None]:
    def tell(rest: Annotated[list[str] | None, typer.Argument(hidden=True)] = None) -> None:
        del rest
        text, mend = WHY[word]
        fail(text, mend, code=1)

    return tell
