"""New paths: what `prefixRewrite` of a route or of a redirect comes to for one match.

Envoy replaces just the characters that matched. Gateway API replaces whole elements of the path, so both are the same
only where both ends are.
"""

import re

from daemun.api.gloo.matchers import Matcher
from daemun.gloo.classic.matchers import path_of
from daemun.gloo.migrate.bench import Doc
from daemun.ir.route import Match


def modifier(match: Match, matcher: Matcher, value: str) -> Doc | None:
    """The path modifier that does the same to all requests of a match, which came of a matcher; None if there is none.

    An empty one when the path stays.
    """
    kind, written = path_of(matcher)
    if kind != "Start":
        return _whole(value)
    stem = written.removesuffix("/")
    if written == value and matcher.case_sensitive is not False:
        return {}
    if match.path_type == "Exact":
        return _whole(value + match.path[len(written) :])
    if match.path_type != "Prefix" or written.endswith("/") != value.endswith("/") or not stem:
        return None
    new = value.removesuffix("/") + match.path[len(stem) :]
    return {"type": "ReplacePrefixMatch", "replacePrefixMatch": new} if new.startswith("/") else None


def _whole(path: str) -> Doc | None:
    return {"type": "ReplaceFullPath", "replaceFullPath": path} if path.startswith("/") else None


def substitution(matcher: Matcher, value: str) -> Doc:
    """The `regexRewrite` that replaces a prefix at the start of a path, whatever it was matched by."""
    flag = "(?i)" if matcher.case_sensitive is False else ""
    pattern = f"{flag}^{re.escape(path_of(matcher)[1])}"
    return {"pattern": {"regex": pattern}, "substitution": value.replace("\\", "\\\\")}
