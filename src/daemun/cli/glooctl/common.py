"""What all of glooctl's commands take, before or after the words of the command, as cobra has it."""

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import msgspec
import typer
from typer.core import TyperGroup
from typer.models import OptionInfo

from daemun.cli.output import fail

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.manage.store import Store

SYSTEM = "gloo-system"
_CONSUL = "Daemun reads no configuration from Consul's key-value store: it lies in the cluster, or in a folder."
_NO_QUESTIONS = "No questions are asked: give what is needed as flags."
Answer = TypeVar("Answer")


class Output(StrEnum):
    """How a command answers. `kube-yaml` is what `yaml` is, too: objects as Kubernetes has them."""

    table = "table"
    wide = "wide"
    yaml = "yaml"
    kube_yaml = "kube-yaml"
    json = "json"


class Where(msgspec.Struct, frozen=True):
    """Which cluster, namespace and object a command is about, and how it answers."""

    kube_context: str | None = None
    kubeconfig: Path | None = None
    namespace: str | None = None
    name: str | None = None
    output: Output | None = None
    dry_run: bool | None = None
    resource_version: str | None = None
    index: int = 0
    port: str = "http"
    fallback: str = "default"

    @property
    def system(self) -> str:
        """The namespace that is given; else Gloo's for glooctl, and `default` for Daemun's own commands."""
        return self.namespace or self.fallback

    def named(self, argument: str | None = None) -> "Name":
        """The object that is named, as an argument or with --name."""
        from daemun.base.names import Name

        name = argument or self.name
        if not name:
            fail("no object is named", "Name it as an argument or with --name.")
        return Name(self.system, name)

    def ask(self, work: "Callable[[Store], Coroutine[Any, Any, Answer]]") -> Answer:
        """Do something in the cluster; end the program with one clear error if that cannot be done."""
        from daemun.kube.errors import KubeError
        from daemun.manage.documents import WrongInput
        from daemun.manage.store import Store

        async def opened() -> Answer:
            async with Store.opened(self.kube_context, self.kubeconfig) as store:
                return await work(store)

        try:
            return asyncio.run(opened())
        except (KubeError, WrongInput) as error:
            fail(error.text, error.mend, code=1)


def _refused(what: str) -> Callable[[Any], Any]:
    def callback(value: Any) -> Any:
        if value:
            fail(what)
        return value

    return callback


_REFUSED: dict[str, Any] = {
    "interactive": Annotated[
        bool, typer.Option("--interactive", "-i", hidden=True, callback=_refused(_NO_QUESTIONS), help="Not here.")
    ],
    "use_consul": Annotated[
        bool, typer.Option("--use-consul", hidden=True, callback=_refused(_CONSUL), help="Not here.")
    ],
}
_OPTIONS: dict[str, Any] = {
    "kube_context": Annotated[
        str | None, typer.Option("--kube-context", help="A context of the kubeconfig.", metavar="NAME")
    ],
    "kubeconfig": Annotated[
        Path | None, typer.Option("--kubeconfig", help="The kubeconfig, if not the usual one.", metavar="FILE")
    ],
    "namespace": Annotated[str | None, typer.Option("--namespace", "-n", help="The namespace.", metavar="NAME")],
    "name": Annotated[str | None, typer.Option("--name", help="The object.", metavar="NAME")],
    "output": Annotated[Output | None, typer.Option("--output", "-o", help="How to answer.")],
    "dry_run": Annotated[
        bool | None, typer.Option("--dry-run", help="Print what would be written, and write nothing.")
    ],
    "resource_version": Annotated[
        str | None,
        typer.Option("--resource-version", help="Change the object only if it has this version.", metavar="VERSION"),
    ],
}
Named = Annotated[str | None, typer.Argument(metavar="[NAME]", help="The object.", show_default=False)]


def common(function: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of all. The function gets them as `where`; what a word before it said counts, too.

    For a group of commands, whose callback has no `where`, they are kept for those.
    """
    signature = inspect.signature(function)
    own = [one for one in signature.parameters.values() if one.name not in {"where", "ctx"}]
    taken = {flag for one in own for flag in _flags(one.annotation)}
    options = {name: one for name, one in _OPTIONS.items() if not taken & _flags(one)}

    @functools.wraps(function)
    def wrapped(ctx: typer.Context, **values: Any) -> None:
        said = {name: value for name in options if (value := values.pop(name)) is not None}
        for name in _REFUSED:
            values.pop(name)
        before = msgspec.structs.asdict(ctx.obj) if isinstance(ctx.obj, Where) else {}
        ctx.obj = Where(**(before | said))
        given = {"where": ctx.obj, "ctx": ctx}
        function(**values, **{name: one for name, one in given.items() if name in signature.parameters})

    keyword = inspect.Parameter.KEYWORD_ONLY
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    more = [inspect.Parameter(name, keyword, default=None, annotation=one) for name, one in options.items()]
    more += [inspect.Parameter(name, keyword, default=False, annotation=one) for name, one in _REFUSED.items()]
    mine = [one.replace(kind=keyword) for one in own]
    whole = signature.replace(parameters=[context, *mine, *more])
    wrapped.__signature__ = whole  # type: ignore[attr-defined]  # functions may have one, which typeshed does not say
    return wrapped


def _flags(annotation: Any) -> set[str]:
    """How an option is written; nothing for an argument."""
    (told,) = annotation.__metadata__
    return {str(told.default), *(told.param_decls or ())} if isinstance(told, OptionInfo) else set()


class Group(TyperGroup):
    """Commands that have more than one name."""

    ALIASES = {  # noqa: RUF012 - as TyperGroup has its own
        "vs": "virtualservice",
        "virtualservices": "virtualservice",
        "virtual-services": "virtualservice",
        "us": "upstream",
        "upstreams": "upstream",
        "u": "upstream",
        "ug": "upstreamgroup",
        "upstreamgroups": "upstreamgroup",
        "rt": "routetable",
        "routetables": "routetable",
        "p": "proxy",
        "proxies": "proxy",
        "ac": "authconfig",
        "authconfigs": "authconfig",
        "auth-config": "authconfig",
        "rlc": "ratelimitconfig",
        "ratelimitconfigs": "ratelimitconfig",
        "s": "secret",
        "secrets": "secret",
        "r": "route",
        "routes": "route",
    }

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name, or of the one that it stands for."""
        found = super().get_command(ctx, cmd_name)
        return found or super().get_command(ctx, self.ALIASES.get(cmd_name, cmd_name))


def group(help_: str) -> typer.Typer:
    """A word with commands after it; the options of all may stand between them."""
    app = typer.Typer(help=help_, no_args_is_help=True, rich_markup_mode=None, cls=Group)

    @app.callback()
    @common
    def between() -> None:
        pass

    between.__doc__ = help_
    return app
