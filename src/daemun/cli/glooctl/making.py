"""Making an object: built from a few words, written unless nothing is to be written, and shown."""

from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.glooctl.common import Output, Where
from daemun.cli.output import fail

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemun.base.names import Name
    from daemun.manage.documents import Document

Several = list[str] | None
"""A flag that is given several times, or with commas."""
ServiceSpec = Annotated[
    str, typer.Option("--service-spec-type", help="What functions it has: rest or grpc.", metavar="KIND")
]


def make(where: Where, build: "Callable[[Name], Document]", named: str | None) -> None:
    """Make one object. What a Secret holds is shown only where it is not written."""
    from daemun.cli.glooctl import rows
    from daemun.cli.glooctl.tables import show
    from daemun.manage.documents import WrongInput

    try:
        made = build(where.named(named))
    except WrongInput as error:
        fail(error.text, error.mend)
    output = where.output
    if where.dry_run:
        output = output or Output.kube_yaml
    else:
        made = where.ask(lambda store: store.create(made))
        made = {key: value for key, value in made.items() if key not in {"data", "stringData"}}
    header, lines = rows.OF[made["kind"]]
    show([made], output, header, lines, single=True)
