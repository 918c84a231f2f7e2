"""Regular expressions of Gloo's API: RE2, checked before Envoy sees them."""

from collections.abc import Iterable

from envoy.type.matcher.v3 import regex_pb2, string_pb2

from daemun.api.gloo.common import RegexMatchAndSubstitute, StringMatcher
from daemun.features.feature import Fault
from daemun.features.regexes import groups, regex_faults


def substitution_faults(spec: RegexMatchAndSubstitute, where: str) -> Iterable[Fault]:
    r"""A regex, or a reference to a group of it (`\1`), that does not exist."""
    regex = spec.pattern.regex if spec.pattern else ""
    if not regex:
        yield f"{where}.pattern.regex", "is missing", "Say what is to be replaced."
        return
    found = list(regex_faults(regex, f"{where}.pattern.regex"))
    yield from found
    if not found:
        there, wanted = groups(regex), _groups(spec.substitution)
        if wanted is None or wanted > there:
            text = f"{spec.substitution!r} refers to what is not there"
            yield f"{where}.substitution", text, f"The pattern has {there} groups; a backslash is written as two."


def _groups(substitution: str) -> int | None:
    """The highest group that a substitution refers to; None if a backslash stands before something else."""
    highest = 0
    at = substitution.find("\\")
    while at >= 0:
        after = substitution[at + 1 : at + 2]
        if after.isascii() and after.isdigit():
            highest = max(highest, int(after))
        elif after != "\\":
            return None
        at = substitution.find("\\", at + 2)
    return highest


def substituted(spec: RegexMatchAndSubstitute) -> regex_pb2.RegexMatchAndSubstitute:
    """As Envoy has it."""
    regex = spec.pattern.regex if spec.pattern else ""
    return regex_pb2.RegexMatchAndSubstitute(
        pattern=regex_pb2.RegexMatcher(regex=regex), substitution=spec.substitution
    )


def matcher_faults(spec: StringMatcher, where: str) -> Iterable[Fault]:
    """A matcher that matches nothing that can be said."""
    if spec.safe_regex is not None:
        yield from regex_faults(spec.safe_regex.regex, f"{where}.safeRegex.regex")
    elif not (spec.exact or spec.prefix or spec.suffix):
        yield where, "matches nothing", "Set one of exact, prefix, suffix and safeRegex."


def matcher(spec: StringMatcher) -> string_pb2.StringMatcher:
    """As Envoy has it."""
    if spec.safe_regex is not None:
        return string_pb2.StringMatcher(safe_regex={"regex": spec.safe_regex.regex})
    found = string_pb2.StringMatcher(ignore_case=spec.ignore_case)
    if spec.exact is not None:
        found.exact = spec.exact
    elif spec.prefix is not None:
        found.prefix = spec.prefix
    elif spec.suffix is not None:
        found.suffix = spec.suffix
    return found
