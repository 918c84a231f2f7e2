"""Matches of a route below those of the rule that delegates to it.

Gloo compares paths by their characters. Here a path is below another by whole elements, as Gateway API has prefixes,
and a regular expression is kept below for whatever it matches, not just by how it begins.
"""

import re
from collections.abc import Callable

import msgspec

from daemun.ir.route import Match, ValueMatch

Usable = Callable[[Match], bool]
"""Whether Envoy will take a match."""


def below(parent: Match, own: Match, usable: Usable) -> Match | None:
    """The match, if requests that fit it fit the parent's too, as far as can be seen; else None."""
    if not set(parent.headers) <= set(own.headers) or not set(parent.query) <= set(own.query):
        return None
    if parent.method and own.method != parent.method:
        return None
    prefix = parent.path.rstrip("/")
    if own.path_type == "Regex":
        rest = _after(prefix, own.path)
        return None if rest is None else _regex(prefix, own, rest, usable)
    is_below = own.path in {prefix, parent.path} or own.path.startswith(f"{prefix}/")
    return own if is_below else None


def inheriting(parent: Match, own: Match, usable: Usable) -> Match | None:
    """The match with all that the parent's asks for: its path goes on from the parent's, of equal names the parent's
    count. None for an expression that cannot go on from a path.
    """
    prefix = parent.path.rstrip("/")
    if own.path_type == "Regex":
        joined = _regex(prefix, own, own.path.removeprefix("/"), usable)
        if joined is None:
            return None
    else:
        further = own.path.lstrip("/")
        joined = msgspec.structs.replace(own, path=f"{prefix}/{further}" if further else parent.path)
    return msgspec.structs.replace(
        joined,
        headers=_united(parent.headers, own.headers),
        query=_united(parent.query, own.query),
        method=parent.method or own.method,
    )


def _united(parents: tuple[ValueMatch, ...], own: tuple[ValueMatch, ...]) -> tuple[ValueMatch, ...]:
    if not parents:
        return own
    found = {one.name: one for one in (*own, *parents)}
    return tuple(found[name] for name in sorted(found))


def _after(prefix: str, expression: str) -> str | None:
    """What follows the path and a slash in an expression that begins with them, escaped or not."""
    chars = ("" if one.isalnum() or one == "/" else r"\\?" for one in prefix)
    begin = "".join(escape + re.escape(one) for escape, one in zip(chars, prefix, strict=True))
    found = re.match(f"{begin}/", expression)
    return None if found is None else expression[found.end() :]


def _regex(prefix: str, own: Match, rest: str, usable: Usable) -> Match | None:
    """The path, a slash, and the rest as a group: an alternative in it cannot lead out."""
    if not prefix or not usable(own):
        return own  # what cannot be used at all is told of where all matches are looked at
    joined = msgspec.structs.replace(own, path=f"{re.escape(prefix)}/(?:{rest})")
    alone = msgspec.structs.replace(own, path=rest or "()")
    return joined if usable(alone) and usable(joined) else None
