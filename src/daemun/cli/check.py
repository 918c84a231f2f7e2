"""`daemun check`: the status that every object would get, without serving anything."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Address, KubeContext, RealPorts, SomePaths, TextOrData

if TYPE_CHECKING:
    from rich.console import Console

    from daemun.base.names import Ref
    from daemun.cli.loading import Loaded
    from daemun.translate import Translation


def check(
    paths: SomePaths = None,
    output: Annotated[TextOrData, typer.Option("--output", "-o", help="How to answer.")] = TextOrData.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
) -> None:
    """Show each object with the status that the control plane would write.

    Ends with 1 if something is not accepted or not resolved, so that it can stand in CI.

    Examples:

      daemun check manifests/

      daemun check manifests/ -o yaml | less

      daemun check --kube-context kind-lab change.yaml   # and if this were applied?
    """
    from daemun.cli.loading import Surroundings, load
    from daemun.cli.output import console, dump_json, dump_yaml

    loaded = load(paths or [], Surroundings(kube_context, address, real_ports))
    if output is TextOrData.text:
        _print(loaded, console())
    elif output is TextOrData.yaml:
        typer.echo(dump_yaml(_documents(loaded)), nl=False)
    else:
        typer.echo(dump_json({"objects": _documents(loaded), "problems": loaded.problems}))
    if output is TextOrData.yaml and loaded.problems:
        from daemun.cli.output import print_problems

        print_problems(loaded.problems, console(stderr=True))
    if not _fine(loaded):
        raise typer.Exit(1)


def _fine(loaded: "Loaded") -> bool:
    from daemun.report.summary import state

    return all(problem.warning for problem in loaded.problems) and all(
        state(status) == "ready" for status in loaded.translation.statuses.values()
    )


def _documents(loaded: "Loaded") -> list[dict[str, Any]]:
    """Each object with its status, as it would be read back from an API server."""
    from daemun.api.kinds import BY_NAME

    documents = []
    for ref in sorted(loaded.translation.statuses):
        version = f"{ref.group}/{BY_NAME[ref.group, ref.kind].versions[0]}"
        metadata = {"name": ref.name} | ({"namespace": ref.namespace} if ref.namespace else {})
        status = status_of(loaded.translation, ref)
        documents.append({"apiVersion": version, "kind": ref.kind, "metadata": metadata, "status": status})
    return documents


def status_of(translation: "Translation", ref: "Ref") -> Any:
    """The status of an object as it would be written now; None if it has none."""
    from datetime import UTC, datetime

    from daemun.report.stamp import Stamps

    status, now = translation.statuses.get(ref), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return None if status is None else Stamps().document(ref, status, now)


def _print(loaded: "Loaded", to: "Console") -> None:
    from daemun.cli.output import print_problems, print_table

    rows = list(_rows(loaded))
    if rows:
        print_table(("OBJECT", "STATE", "WHERE"), rows, to)
    if rows and loaded.problems:
        to.print()
    print_problems(loaded.problems, to)
    errors = sum(not problem.warning for problem in loaded.problems)
    warnings = len(loaded.problems) - errors
    to.print(f"{len(rows)} objects with a status, {errors} errors, {warnings} warnings")


def _rows(loaded: "Loaded") -> Iterator[tuple[str, str, str]]:
    """Each object, its state in a word, and where it answers."""
    from daemun.report.summary import line, state, where

    for ref, status in sorted(loaded.translation.statuses.items(), key=lambda entry: entry[0]):
        told = line(loaded.translation, ref)
        yield str(ref), state(status), where(told) if told else ""
