"""`daemun get`: what is there, and how it is."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Address, Files, KubeContext, Namespace, RealPorts, View

if TYPE_CHECKING:
    from daemun.cli.loading import Loaded
    from daemun.view.tables import Row, Table

_LOOK_SECONDS, _READ_SECONDS = 0.25, 3.0
"""How often somebody who watches has files looked at, and a cluster read."""
_WHAT = "gateways, routes, upstreams, policies or proxies; or policy, with a route."


def get(
    what: Annotated[str, typer.Argument(metavar="WHAT", help=_WHAT)],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Only these: [KIND/][NAMESPACE/]NAME.")
    ] = None,
    files: Files = None,
    output: Annotated[View, typer.Option("--output", "-o", help="How to answer.")] = View.text,
    namespace: Namespace = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on, and show each change, until Ctrl-C.")] = False,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """List gateways, routes, upstreams, policies or proxies, or show all that is in force on a route.

    Reads the cluster of the kubeconfig, or with -f files. Columns keep their order and are never empty (`-`), so that
    programs can read them; `-o name` gives names that other commands take.

    Examples:

      daemun get routes

      daemun get upstreams -f manifests/ -o wide

      daemun get policy httproute/shop/cart -f manifests/

      daemun get gateways --watch
    """
    from daemun.cli.loading import look
    from daemun.cli.output import fail
    from daemun.view.refs import nearest
    from daemun.view.tables import TABLES

    def read() -> "Loaded":
        return look(files, kube_context, address, real_ports)

    for name in names or ():
        if Path(name).exists():
            fail(f"{name} is a file or folder", f"Name files with -f: -f {name}")
    if what.lower() == "policy" and names:
        from daemun.cli.policy import show

        for name in names:
            show(read(), name, output)
        return
    known = {table.name: table for table in TABLES}
    table = known.get(what.lower()) or known.get(_many(what.lower()))
    if table is None:
        fail(f"{what} is nothing that can be listed", nearest(what, known))
    if watch:
        _watch(read, files, lambda loaded: _shown(loaded, table, output, namespace, names or [], files))
        return
    typer.echo(_shown(read(), table, output, namespace, names or [], files), nl=False)


def _many(word: str) -> str:
    return f"{word[:-1]}ies" if word.endswith(("cy", "xy")) else f"{word}s"


def _shown(
    loaded: "Loaded",
    table: "Table",
    output: View,
    namespace: str | None,
    names: list[str],
    files: list[Path] | None,
) -> str:
    from daemun.cli.output import dump_json, dump_yaml
    from daemun.view.refs import spelled

    rows = list(_chosen(list(table.rows(loaded.translation)), namespace, names))
    if table.name == "proxies" and files:
        rows = [_running(row, files) for row in rows]
    if output is View.name:
        return "".join(f"{spelled(row.ref)}\n" for row in rows)
    if output in (View.json, View.yaml):
        documents = [_document(loaded, table, row) for row in rows]
        return dump_yaml(documents) if output is View.yaml else dump_json(documents) + "\n"
    return _columns(table, rows, wide=output is View.wide)


def _running(row: "Row", files: list[Path]) -> "Row":
    """A proxy as it is, where a `daemun up` of these files would have it."""
    import msgspec

    from daemun.cli.doors import runs

    now = row.state if row.state != "ready" or runs(files, str(row.ref.key)) else "NotRunning"
    return msgspec.structs.replace(row, state=now)


def _chosen(rows: list["Row"], namespace: str | None, names: list[str]) -> Iterator["Row"]:
    from daemun.cli.output import fail
    from daemun.view.refs import kind_of, nearest, spelled

    def is_called(row: "Row", name: str) -> bool:
        *first, last = name.split("/")
        kind = kind_of(first[0], [row.ref.kind]) if first else ""
        spaces = first[1:] if kind else first
        return row.ref.name == last and (not spaces or spaces == [row.ref.namespace])

    for name in names:
        if not any(is_called(row, name) for row in rows):
            fail(f"there is no {name}", nearest(name, [spelled(row.ref) for row in rows]), code=1)
    for row in rows:
        if namespace in (None, row.ref.namespace) and (not names or any(is_called(row, one) for one in names)):
            yield row


def _document(loaded: "Loaded", table: "Table", row: "Row") -> dict[str, Any]:
    """The object with its status, and what the table says of it."""
    from daemun.cli.check import status_of
    from daemun.view.written import document

    titles = (*table.header, *table.more)
    cells = dict(zip((one.lower() for one in titles), (*row.cells, *row.more), strict=True))
    found = document(loaded.translation, row.ref) or {"kind": row.ref.kind, "metadata": {"name": row.ref.name}}
    found = {key: value for key, value in found.items() if key != "status"}
    status = status_of(loaded.translation, row.ref)
    return found | ({"status": status} if status else {}) | {"view": cells | {"state": row.state}}


def _columns(table: "Table", rows: list["Row"], *, wide: bool) -> str:
    from daemun.cli.output import columns

    header = (*table.header, "STATE", *(table.more if wide else ()))
    body = [(*row.cells, row.state, *(row.more if wide else ())) for row in rows]
    if not rows:
        typer.echo(f"There are no {table.name}.", err=True)
    return columns(header, body, state=len(table.header))


def _watch(read: Callable[[], "Loaded"], files: list[Path] | None, show: Callable[["Loaded"], str]) -> None:
    """Print anew what has changed. A cluster is read every few seconds, files when they have rested from one look to
    the next: nobody reads what somebody else is still writing.
    """
    last, pause = "", _LOOK_SECONDS if files else _READ_SECONDS
    shown: object = None
    seen = _stamp(files) if files else None
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            now = _stamp(files) if files else object()
            if now != shown and (now == seen or not files):
                shown, text = now, show(read())
                known = set(last.splitlines())
                fresh = [line for line in text.splitlines() if line not in known]
                if fresh:
                    typer.echo("\n".join(fresh))
                last = text
            seen = now
            time.sleep(pause)


def _stamp(paths: list[Path]) -> object:
    """When each file was written last, and its size. Some may go while they are looked at."""
    found = []
    for path in paths:
        below = (Path(folder, one) for folder, _, files in os.walk(path) for one in files)
        for file in (path, *below):
            with contextlib.suppress(FileNotFoundError):
                stat = file.stat()
                found.append((file, stat.st_mtime_ns, stat.st_size))
    return sorted(found)
