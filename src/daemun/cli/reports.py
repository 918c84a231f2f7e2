"""The problems of `daemun check` in the forms that code hosting knows: SARIF, and annotations of GitHub's workflows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from daemun.report.journal import ProblemLine

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(problems: Iterable["ProblemLine"]) -> dict[str, Any]:
    """All problems as one run (OASIS SARIF 2.1.0)."""
    from daemun import __version__
    from daemun.lint.codes import BY_NUMBER, number

    every = list(problems)
    numbers = sorted({number(one.code) for one in every})
    rules = [
        {
            "id": one,
            "name": BY_NUMBER[one].word,
            "shortDescription": {"text": BY_NUMBER[one].means},
            "help": {"text": BY_NUMBER[one].mend},
        }
        for one in numbers
        if one in BY_NUMBER
    ]
    driver = {"name": "daemun", "version": __version__, "rules": rules}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(one) for one in every]}],
    }


def _result(one: "ProblemLine") -> dict[str, Any]:
    from daemun.lint.codes import number

    found: dict[str, Any] = {
        "ruleId": number(one.code),
        "level": "warning" if one.warning else "error",
        "message": {"text": _text(one)},
    }
    place: dict[str, Any] = {}
    if one.file:
        place["physicalLocation"] = {"artifactLocation": {"uri": one.file}, "region": {"startLine": max(1, one.line)}}
    if one.object:
        place["logicalLocations"] = [{"fullyQualifiedName": f"{one.object} {one.field}".strip()}]
    return found | ({"locations": [place]} if place else {})


def annotations(problems: Iterable["ProblemLine"]) -> str:
    """Each problem as a line that a workflow of GitHub's shows at the changed line."""
    from daemun.lint.codes import number

    lines = []
    for one in problems:
        place = f"file={_property(one.file)},line={max(1, one.line)}," if one.file else ""
        title = _property(f"{number(one.code)} {one.code}")
        lines.append(f"::{'warning' if one.warning else 'error'} {place}title={title}::{_data(_text(one))}\n")
    return "".join(lines)


def _text(one: "ProblemLine") -> str:
    what = " ".join(part for part in (one.object, one.field) if part)
    return f"{what}{': ' if what else ''}{one.text}{f'. {one.mend}' if one.mend else ''}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
