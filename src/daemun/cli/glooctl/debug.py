"""`glooctl debug`: what somebody who helps from afar needs to see. Secrets are never in it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.glooctl.common import Group, Where, common

if TYPE_CHECKING:
    from daemun.manage.documents import Document
    from daemun.manage.store import Store

Several = Annotated[
    list[str] | None, typer.Option("--namespaces", "-N", help="A namespace; several times for several.")
]
File = Annotated[Path | None, typer.Option("--file", "-f", help="Write to this file.", metavar="FILE")]
_SECRET = ("", "Secret")
_ELSEWHERE = {"secretKey", "accessKey", "clientSecret", "apiKey"}
"""What others call such things, whose objects lie beside ours."""
_NOISE = {"managedFields", "annotations"}
"""The last thing that kubectl applied stands in an annotation, with all that it held."""

app = typer.Typer(rich_markup_mode=None, cls=Group)


@app.callback(invoke_without_command=True)
@common
def debug(
    ctx: typer.Context,
    where: Where,
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Where it is written.")] = Path("debug"),
    namespaces: Several = None,
) -> None:
    """Write the logs and the objects of namespaces into a folder."""
    if ctx.invoked_subcommand is not None:
        return

    async def work(store: "Store") -> None:
        for namespace in namespaces or [where.system]:
            folder = directory / namespace
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in await _logs(store, namespace, errors_only=False):
                (folder / f"{name}.log").write_text(text)
            (folder / "objects.yaml").write_text(await _objects(store, namespace))

    where.ask(work)
    print(f"Written to {directory}. Secrets are not in it.")


@app.command()
@common
def logs(
    where: Where,
    file: File = None,
    errors_only: Annotated[bool, typer.Option("--errors-only", help="Only warnings and errors.")] = False,
) -> None:
    """Show what everything in the namespace has said."""

    async def work(store: "Store") -> str:
        found = await _logs(store, where.system, errors_only=errors_only)
        return "".join(f"*** {name} ***\n{text}\n" for name, text in found)

    _tell(where.ask(work), file)


@app.command()
@common
def yaml(where: Where, file: File = None) -> None:
    """Show the objects of the namespace that Daemun reads, Secrets left out."""
    _tell(where.ask(lambda store: _objects(store, where.system)), file)


def _tell(text: str, file: Path | None) -> None:
    if file is None:
        typer.echo(text, nl=False)
    else:
        file.write_text(text)
        print(f"Written to {file}.")


async def _logs(store: "Store", namespace: str, *, errors_only: bool) -> list[tuple[str, str]]:
    """What each container has said, by a name for it."""
    from daemun.kube.errors import KubeError
    from daemun.manage import workloads

    found = []
    for pod in await workloads.pods(store.client, namespace):
        name = pod["metadata"]["name"]
        for container in pod["spec"]["containers"]:
            try:
                text = await workloads.log(store.client, namespace, name, container["name"])
            except KubeError as error:  # one that has not started says nothing; the others count still
                text = f"{error.text}\n"
            found.append((f"{name}.{container['name']}", _errors(text) if errors_only else text))
    return found


def _errors(text: str) -> str:
    lines = [line for line in text.splitlines() if any(word in line.lower() for word in ("error", "warn", "critical"))]
    return "".join(f"{line}\n" for line in lines)


async def _objects(store: "Store", namespace: str) -> str:
    from daemun.api.kinds import KINDS
    from daemun.cli.output import dump_yaml

    found = [one for kind in KINDS if (key := (kind.group, kind.kind)) != _SECRET
             for one in await store.list(key, namespace if kind.namespaced else "")]  # fmt: skip
    return dump_yaml(_plain(found))


def _plain(found: "list[Document]") -> "Iterator[Document]":
    for one in found:
        metadata = {key: value for key, value in one["metadata"].items() if key not in _NOISE}
        yield _hidden(one | {"metadata": metadata})


def _hidden(value: Any) -> Any:
    """The same, with nothing in it that lets somebody in: Settings and AuthConfigs may hold such things themselves."""
    from daemun.api.private import PRIVATE, WITH_PASSWORD

    hidden = PRIVATE | _ELSEWHERE
    if isinstance(value, list):
        return [_hidden(one) for one in value]
    if isinstance(value, dict):
        return {
            key: "<hidden>" if key in hidden and isinstance(one, str) else _hidden(one) for key, one in value.items()
        }
    if isinstance(value, str):
        return WITH_PASSWORD.sub(r"\1<hidden>@", value)
    return value
