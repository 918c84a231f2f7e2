"""`daemun test`: routing tests, request in and route out, without sending anything."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.options import Files, KubeContext, TextOrData

if TYPE_CHECKING:
    from daemun.trial.cases import Verdict


def trial(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="Files with routing tests, or folders with *.routes.yaml.")
    ],
    files: Files = None,
    output: Annotated[TextOrData, typer.Option("--output", "-o", help="How to answer.")] = TextOrData.text,
    kube_context: KubeContext = None,
) -> None:
    """Run routing tests: given these manifests, does this request go there?

    Nothing is sent: `daemun explain` judges. The manifests are those that the file names, or those of -f or of the
    cluster, instead. Ends with 1 if a test fails.

    Examples:

      daemun test tests/shop.routes.yaml

      daemun test tests/ -f manifests/

      daemun test tests/ --kube-context kind-lab   # does the cluster route so?
    """
    from daemun.cli.loading import Surroundings, check_paths
    from daemun.cli.output import dump_json, dump_yaml, fail
    from daemun.cli.suites import ENDING, Translated, manifests, read
    from daemun.cli.suites import files as files_of
    from daemun.trial.cases import judge

    check_paths(paths)
    known = Translated()
    verdicts: list[tuple[Path, Verdict]] = []
    try:
        for file in files_of(paths):
            suite = read(file)
            said = files if files or kube_context is not None else manifests(file, suite)
            if not said and kube_context is None:
                fail(f"{file} names no manifests", "Name some in `manifests`, or with -f.")
            loaded = known.get(said or [], Surroundings(kube_context, suite.address, suite.real_ports))
            verdicts += [(file, judge(loaded.translation, case)) for case in suite.cases]
    except ValueError as error:
        fail(str(error))
    if not verdicts:
        fail("there is no test", f"A file with tests is called *{ENDING}.", code=1)
    if output is TextOrData.text:
        _print(verdicts)
    else:
        documents = [_document(*one) for one in verdicts]
        typer.echo(
            dump_json(documents) if output is TextOrData.json else dump_yaml(documents), nl=output is TextOrData.json
        )
    if any(verdict.failures for _, verdict in verdicts):
        raise typer.Exit(1)


def _document(file: Path, verdict: "Verdict") -> dict[str, Any]:
    title, failures = verdict.case.title, list(verdict.failures)
    return {"file": str(file), "name": title, "passed": not failures, "failures": failures}


def _print(verdicts: list[tuple[Path, "Verdict"]]) -> None:
    from rich.text import Text

    from daemun.cli.output import console

    to = console()
    for file, verdict in verdicts:
        mark, style = ("ok  ", "green") if not verdict.failures else ("FAIL", "bold red")
        to.print(Text(f"{mark}  ", style), Text(f"{file}: ", "dim"), Text(verdict.case.title), sep="")
        for failure in verdict.failures:
            to.print(Text(f"      {failure}"))
    failed = sum(bool(verdict.failures) for _, verdict in verdicts)
    to.print(f"{len(verdicts)} tests, {failed} failed")
