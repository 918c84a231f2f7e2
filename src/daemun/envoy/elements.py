"""What the paths of all requests that a match fits begin with: whole elements, as many as can be told."""

import itertools
import re

from daemun.ir.route import Match

COLON = "|"
"""What stands for a colon in keys of scopes, which end at one. No path has it that Envoy has normalised."""
_LITERAL = re.compile(r"\^?((?:[\w/~,;=@!&%-]|\\[./-])*)(.?)")
"""Of a regular expression: the characters that stand for themselves, and what comes next."""
_COUNTS = "*?+{"
_WIDENS = re.compile(r"\||\\Q")
"""What may let it match something else, or hide that it does: then nothing is told."""


def elements(match: Match) -> tuple[str, ...]:
    """The elements; none if a request may have any path."""
    if match.any_case:
        return ()
    match match.path_type:
        case "Exact" | "Prefix":
            found = match.path.split("/")[1:]
        case "Start":
            found = match.path.split("/")[1:-1]
        case "Regex":
            found = _literal(match.path).split("/")[1:-1]
        case _:
            return ()
    # An empty one is a slash at the end, which a request may have or not; one with what stands for something else would
    # have the key of another.
    return tuple(itertools.takewhile(lambda element: element and COLON not in element, found))


def _literal(regex: str) -> str:
    """The characters that all paths that a regular expression matches as a whole begin with."""
    begins = _LITERAL.match(regex)
    if begins is None or _WIDENS.search(regex):
        return ""
    text, after = begins[1], begins[2]
    if after and after in _COUNTS:  # it counts the character before it, of which there may be none
        text = re.sub(r"\\?.$", "", text)
    return text.replace("\\", "")
