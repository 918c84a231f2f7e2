"""The check that Envoy will take a regular expression: whoever writes one that it refuses breaks more than his own."""

from collections.abc import Iterable

import re2

from daemun.features.feature import Fault
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE

_QUIET = re2.Options()
_QUIET.log_errors = False
_LONGEST = 60
"""Characters of a pattern that a message shows."""


def regex_faults(pattern: str, where: str) -> Iterable[Fault]:
    """What is wrong with a regular expression."""
    try:
        compiled = re2.compile(pattern, _QUIET)
    except (re2.error, UnicodeError, ValueError) as error:
        why = str(error.args[0]) if error.args else "it does not compile"
        what = why.removeprefix("b").strip("'")[:_LONGEST]
        yield where, f"{_short(pattern)} is not an RE2 expression: {what}", "Mend it."
        return
    if compiled.programsize > RE2_MAX_PROGRAM_SIZE:
        text = f"{_short(pattern)} is too large a program ({compiled.programsize} > {RE2_MAX_PROGRAM_SIZE})"
        yield where, text, "Use smaller repetitions."


def groups(pattern: str) -> int:
    """How many groups a good regular expression has."""
    return int(re2.compile(pattern, _QUIET).groups)


def _short(pattern: str) -> str:
    return repr(pattern if len(pattern) <= _LONGEST else pattern[: _LONGEST - 3] + "...")
