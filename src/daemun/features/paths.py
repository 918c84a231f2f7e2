"""New paths, which redirects and rewrites share (Gateway API, HTTPPathModifier)."""

import re
from collections.abc import Iterable
from typing import Any

from daemun.api.filters import HTTPPathModifier
from daemun.features.feature import Fault
from daemun.features.printable import path_text_faults
from daemun.ir.route import Match


def path_faults(path: HTTPPathModifier | None, where: str) -> Iterable[Fault]:
    """A new path that could not stand in a request line."""
    if path is None:
        return
    value = path.replace_full_path if path.replace_full_path is not None else path.replace_prefix_match
    unfit = list(path_text_faults(value, f"{where}.path")) if value else []
    yield from unfit
    if value and "#" in value and not unfit:
        yield f"{where}.path", f"{value!r} has a fragment, which never reaches a server", "Remove it."


def set_new_path(
    path: HTTPPathModifier, match: Match, action: Any, full_field: str, above: Match | None = None
) -> None:
    """Say the new path to a RouteAction or a RedirectAction; they differ in the name of the field for a full path.

    Envoy's `prefix_rewrite` replaces just the characters of the prefix: `/foo` by `/` would make `//bar` of
    `/foo/bar`. Where that would happen a regex takes the slash along. It is also what replaces only the prefix of a
    rule `above`, which delegates to the one that matches.
    """
    if path.replace_full_path is not None:
        _full(path.replace_full_path, action, full_field)
        return
    prefix = (above or match).path.rstrip("/")
    new = (path.replace_prefix_match or "").rstrip("/")
    if new and not new.startswith("/"):
        new = f"/{new}"
    if above is not None and new:
        action.regex_rewrite.pattern.regex = f"^{re.escape(prefix)}"
        action.regex_rewrite.substitution = new.replace("\\", "\\\\")
    elif not prefix and above is None:
        action.prefix_rewrite = f"{new}/"
    elif new:
        action.prefix_rewrite = new
    else:
        action.regex_rewrite.pattern.regex = f"^{re.escape(prefix)}/*"
        action.regex_rewrite.substitution = "/"


def _full(value: str, action: Any, field: str) -> None:
    new = value if value.startswith("/") else f"/{value}"
    if field == "path_redirect":
        action.path_redirect = new
    else:
        # The query stays: the regex is matched against the path alone. A backslash would refer to a group.
        action.regex_rewrite.pattern.regex = "^/.*$"
        action.regex_rewrite.substitution = new.replace("\\", "\\\\")


def path_does(path: HTTPPathModifier, match: Match) -> str:
    """What is replaced, for `explain`."""
    if path.replace_full_path is not None:
        return f"the whole path by {path.replace_full_path}"
    return f"the prefix {match.path} of the path by {path.replace_prefix_match or '/'}"
