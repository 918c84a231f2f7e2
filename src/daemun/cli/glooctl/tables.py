"""Answers as glooctl prints them: a frame of ASCII, never cut to the terminal's width; or the objects themselves."""

import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from daemun.cli.glooctl.common import Output
from daemun.cli.output import dump_json, dump_yaml

if TYPE_CHECKING:
    from daemun.manage.documents import Document

Row = Sequence[str]


def show(
    documents: "Iterable[Document]",
    output: Output | None,
    header: Row,
    rows: "Callable[[Document], Iterable[Row]]",
    *,
    single: bool = False,
) -> None:
    """Print objects. A `single` one is not in a list when it is printed as JSON."""
    found = list(documents)
    match output:
        case Output.json:
            print(dump_json(_plain(found[0]) if single else [_plain(one) for one in found]))
        case Output.yaml | Output.kube_yaml:
            sys.stdout.write(dump_yaml(_plain(one) for one in found))
        case _:
            print(framed(header, [row for one in found for row in rows(one)]))


def _plain(document: "Document") -> "Document":
    """Without what only the API server needs."""
    metadata = {key: value for key, value in document["metadata"].items() if key != "managedFields"}
    return document | {"metadata": metadata}


def framed(header: Row, rows: Iterable[Row]) -> str:
    """A table; a cell with several lines makes its row as high."""
    lines = [line for row in rows for line in _lines(row)]
    titles = [title.upper() for title in header]
    widths = [max(len(line[at]) for line in (titles, *lines)) for at in range(len(titles))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    head = "|" + "|".join(f" {title.center(width)} " for title, width in zip(titles, widths, strict=True)) + "|"
    body = [
        "|" + "|".join(f" {cell.ljust(width)} " for cell, width in zip(line, widths, strict=True)) + "|"
        for line in lines
    ]
    return "\n".join([rule, head, rule, *body, rule])


def _lines(row: Row) -> Iterable[Row]:
    cells = [cell.splitlines() or [""] for cell in row]
    height = max(map(len, cells))
    padded = [cell + [""] * (height - len(cell)) for cell in cells]
    return list(zip(*padded, strict=True))
