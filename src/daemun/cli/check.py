"""`daemun check`: the status that every object would get, without serving anything."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Address, KubeContext, RealPorts, Report, SomePaths

if TYPE_CHECKING:
    from rich.console import Console

    from daemun.base.names import Ref
    from daemun.cli.loading import Loaded
    from daemun.report.journal import ProblemLine
    from daemun.translate import Translation


def check(
    paths: SomePaths = None,
    output: Annotated[Report, typer.Option("--output", "-o", help="How to answer.")] = Report.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
    lint: Annotated[bool, typer.Option(help="Also warn of what is served and likely not meant so.")] = True,
    expiring: Annotated[float, typer.Option(help="Warn of certificates that end within so many days.", min=0)] = 30.0,
    strict: Annotated[bool, typer.Option("--strict", help="A warning ends with 1 too.")] = False,
    explain: Annotated[
        str | None,
        typer.Option("--explain", help="Just say what a message's number means.", metavar="CODE"),
    ] = None,
) -> None:
    """Show each object with the status that the control plane would write, and all that is wrong or likely so.

    Ends with 1 if something is not accepted or not resolved, so that it can stand in CI. Without PATHs the cluster of
    the kubeconfig is read.

    Examples:

      daemun check manifests/

      daemun check manifests/ -o yaml | less

      daemun check --kube-context kind-lab change.yaml   # and if this were applied?

      daemun check --explain D0402
    """
    from daemun.cli.loading import look
    from daemun.cli.output import console, dump_json, dump_yaml

    if explain is not None:
        _explain(explain)
        return
    loaded = look(paths, kube_context, address, real_ports)
    fine = _fine(loaded)
    if lint:
        loaded.problems = sorted([*loaded.problems, *_lints(loaded, expiring)])
    if strict and loaded.problems:
        fine = False
    if output is Report.text:
        _print(loaded, console())
    elif output is Report.yaml:
        typer.echo(dump_yaml(_documents(loaded)), nl=False)
    elif output is Report.json:
        typer.echo(dump_json({"objects": _documents(loaded), "problems": _numbered(loaded), "grants": _grants(loaded)}))
    elif output is Report.sarif:
        from daemun.cli.reports import sarif

        typer.echo(dump_json(sarif(loaded.problems)))
    else:
        from daemun.cli.reports import annotations

        typer.echo(annotations(loaded.problems), nl=False)
    if output is Report.yaml and loaded.problems:
        from daemun.cli.output import print_problems

        print_problems(loaded.problems, console(stderr=True))
    if not fine:
        raise typer.Exit(1)


def _explain(code: str) -> None:
    from daemun.cli.output import fail
    from daemun.lint.codes import BY_NUMBER, BY_WORD
    from daemun.view.refs import nearest

    found = BY_NUMBER.get(code.upper()) or BY_WORD.get(code)
    if found is None:
        fail(f"there is no message {code}", nearest(code.upper(), BY_NUMBER))
    typer.echo(f"{found.number} {found.word}\n\n{found.means}\n\nMend: {found.mend}")


def _lints(loaded: "Loaded", expiring: float) -> list["ProblemLine"]:
    import time

    from daemun.lint.lints import lints
    from daemun.report.journal import problem_line

    return [problem_line(one, loaded.place) for one in lints(loaded.translation, time.time(), expiring)]


def _numbered(loaded: "Loaded") -> list[dict[str, Any]]:
    import msgspec

    from daemun.lint.codes import number

    return [{"number": number(one.code)} | msgspec.to_builtins(one) for one in loaded.problems]


def _grants(loaded: "Loaded") -> list[dict[str, Any]]:
    from daemun.lint.grants import grants

    return grants(loaded.translation, [one for found in loaded.translation.problems.values() for one in found])


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
    if missing := _grants(loaded):
        from daemun.cli.output import dump_yaml

        to.print("\nReferenceGrants that are missing:\n", style="bold")
        to.print(dump_yaml(missing), markup=False)
    errors = sum(not problem.warning for problem in loaded.problems)
    warnings = len(loaded.problems) - errors
    to.print(f"{len(rows)} objects with a status, {errors} errors, {warnings} warnings")


def _rows(loaded: "Loaded") -> Iterator[tuple[str, str, str]]:
    """Each object, its state in a word, and where it answers."""
    from daemun.report.summary import line, state, where

    for ref, status in sorted(loaded.translation.statuses.items(), key=lambda entry: entry[0]):
        told = line(loaded.translation, ref)
        yield str(ref), state(status), where(told) if told else ""
