"""`daemun diff`: what a change would do to requests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Address, Files, KubeContext, Paths, RealPorts, TextOrData

if TYPE_CHECKING:
    from daemun.cli.loading import Loaded
    from daemun.trial.compare import Difference, Objects
    from daemun.trial.sample import Sample


def diff(
    paths: Paths,
    files: Files = None,
    log: Annotated[
        Path | None, typer.Option("--log", help="An access log: ask for its requests instead of made ones.")
    ] = None,
    log_host: Annotated[str, typer.Option(help="The host of the log's requests, where the log does not say it.")] = "",
    log_port: Annotated[int, typer.Option(help="The port that the log's requests came to; 0: the usual one.")] = 0,
    log_scheme: Annotated[str, typer.Option(help="The scheme of the log's requests: http or https.")] = "http",
    most: Annotated[int, typer.Option(help="Ask for so many different requests at most.", min=1)] = 5000,
    output: Annotated[TextOrData, typer.Option("--output", "-o", help="How to answer.")] = TextOrData.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Tell which requests would be treated in another way if these files were applied.

    With -f the PATHs are compared with those: all that is served before and after. Without it they are laid over the
    cluster. A request is made for each match of each rule on each host, before and after; with --log they are those of
    an access log. Ends with 1 if something would change, as diff does.

    Examples:

      daemun diff change.yaml                           # over the cluster of the kubeconfig

      daemun diff new/ -f old/

      daemun diff new/ -f old/ --log access.log
    """
    from daemun.cli.loading import Surroundings, check_paths, load, look
    from daemun.cli.output import dump_json, dump_yaml, fail
    from daemun.trial.compare import compare, objects

    if log is not None and not log.is_file():
        fail(f"{log} is not a file", "Name an access log.")
    if log_scheme not in ("http", "https"):
        fail(f"{log_scheme} is not a scheme", "Use http or https.")
    if files:
        check_paths(paths)
        before, after = (load(one, Surroundings(None, address, real_ports)) for one in (files, paths))
    else:
        before, after = look(None, kube_context), look(paths, kube_context or "")
    asked, note = _asked(before, after, log, (log_host, log_scheme, log_port))
    omitted = max(0, len(asked) - most)
    found = list(compare(before.translation, after.translation, asked[:most]))
    changed = objects(before.translation, after.translation)
    if output is TextOrData.text:
        if omitted:
            note.append(f"{omitted} more requests were not asked for")
        _print(found, changed, asked[:most], note)
    else:
        document = _document(found, changed, asked[:most], omitted)
        typer.echo(dump_json(document) if output is TextOrData.json else dump_yaml([document]).rstrip("\n"))
    if found:
        raise typer.Exit(1)


def _asked(
    before: "Loaded", after: "Loaded", log: Path | None, of_log: tuple[str, str, int]
) -> tuple[list["Sample"], list[str]]:
    """The requests, and what is to be said about them."""
    from daemun.trial.accesslog import read
    from daemun.trial.sample import samples

    if log is None:
        every = {(one.request, one.gateway): one for of in (before, after) for one in samples(of.translation)}
        return list(every.values()), []
    with log.open(errors="replace") as lines:
        found = read(lines, *of_log)
    ranked = sorted(found.samples, key=lambda one: -one.count)
    skipped = [f"{found.skipped} of {found.lines} lines of {log} are no requests that are understood"]
    return ranked, skipped if found.skipped else []


def _document(found: list["Difference"], changed: "Objects", asked: list["Sample"], omitted: int) -> dict[str, Any]:
    from daemun.cli.output import plain

    return {
        "objects": plain(changed),
        "requests": sum(one.count for one in asked),
        "omitted": omitted,
        "differences": [
            {
                "request": _line(one.sample),
                "headers": dict(one.sample.request.headers),
                "gateway": str(one.sample.gateway or ""),
                "of": one.sample.of,
                "count": one.sample.count,
                "changes": plain(one.changes),
            }
            for one in found
        ],
    }


def _line(sample: "Sample") -> str:
    request = sample.request
    return f"{request.method} {request.scheme}://{request.host}{request.target}"


def _print(found: list["Difference"], changed: "Objects", asked: list["Sample"], notes: list[str]) -> None:
    from rich.text import Text

    from daemun.cli.output import console

    to = console()
    for mark, style, refs in (
        ("+", "green", changed.added),
        ("-", "red", changed.removed),
        ("~", "yellow", changed.changed),
    ):
        for ref in refs:
            to.print(Text(f"{mark} {ref}", style))
    if found and (changed.added or changed.removed or changed.changed):
        to.print()
    for one in found:
        headers = " ".join(f"-H '{name}: {value}'" for name, value in one.sample.request.headers)
        times = f"  {one.sample.count} times" if one.sample.count > 1 else ""
        to.print(Text(f"{_line(one.sample)} {headers}".rstrip(), "bold"), Text(times), sep="")
        for change in one.changes:
            to.print(Text(f"  {change.what}", "cyan"))
            if change.before:
                to.print(Text(f"    - {change.before}", "red"))
            if change.after:
                to.print(Text(f"    + {change.after}", "green"))
    for note in notes:
        to.print(Text(note, "dim"))
    every, other = sum(one.count for one in asked), sum(one.sample.count for one in found)
    to.print(f"{other} of {every} requests would be treated in another way")
