"""Options of routes: what they come to together, and which of them Gateway API has a field of its own for.

`OWN` is the table: a field of RouteOptions, and what puts it into a rule if that means exactly the same. What is not in
it, or says more than Gateway API can, stays a RouteOption.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from daemun.api.gloo.options import RouteOptions
from daemun.api.gloo.routing import HeaderManipulation, HeaderValueOption, ResponseHeaderValueOption
from daemun.base.durations import nanoseconds
from daemun.gloo.migrate.bench import Doc
from daemun.gloo.policies.policy import is_empty

S = TypeVar("S", bound=msgspec.Struct)
_HOSTNAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_MOST_HEADERS = 16
_MILLISECOND = 10**6


class Draft:
    """A rule of an HTTPRoute that is being written, without its matches. `forwards`: it sends requests to backends."""

    def __init__(self, *, forwards: bool) -> None:
        self.forwards = forwards
        self.filters: list[Doc] = []
        self.backends: list[Doc] = []
        self.fields: Doc = {}
        self.rewrite: Doc = {}

    def filter(self, kind: str, field: str, spec: Doc) -> None:
        """One more filter."""
        self.filters.append({"type": kind, field: spec})

    def document(self) -> Doc:
        """The rule of an HTTPRoute that it comes to."""
        filters = list(self.filters)
        if self.rewrite:
            filters.append({"type": "URLRewrite", "urlRewrite": self.rewrite})
        found: Doc = {}
        if filters:
            found["filters"] = filters
        if self.backends:
            found["backendRefs"] = self.backends
        return {**found, **self.fields}


def together(layers: Iterable[S | None]) -> S | None:
    """Several options of one kind, the most important first: a field is the first one's that has it, as a whole."""
    every = [one for one in layers if one is not None]
    if len(every) < 2:
        return every[0] if every else None
    groups: tuple[tuple[str, ...], ...] = getattr(every[0], "ONE_OF", ())
    units = {name: group for group in groups for name in group}
    found: dict[str, Any] = {}
    for one in every:
        mine = {}
        for name in one.__struct_fields__:
            value = getattr(one, name)
            if value is None or value in ((), {}):
                continue
            held = [found[other] for other in units.get(name, (name,)) if other in found]
            if not held or (all(map(is_empty, held)) and not is_empty(value)):
                mine[name] = value
        for name in mine:
            for other in units.get(name, ()):
                found.pop(other, None)
        found.update(mine)
    return type(every[0])(**found)


def put(options: RouteOptions, draft: Draft) -> RouteOptions | None:
    """Put into a rule what Gateway API has fields for; returns the rest, None if there is none."""
    rest: dict[str, Any] = {}
    for name in options.__struct_fields__:
        value = getattr(options, name)
        if value is None or value in ((), {}):
            continue
        own = OWN.get(name)
        if own is None or not own(value, options, draft):
            rest[name] = value
    return RouteOptions(**rest) if rest else None


def _timeout(value: str, _: RouteOptions, draft: Draft) -> bool:
    whole, rest = divmod(nanoseconds(value), _MILLISECOND)
    written = _duration(whole)
    if not draft.forwards or rest or not written:
        return False
    draft.fields["timeouts"] = {"request": written}
    return True


def _duration(milliseconds: int) -> str:
    """As Gateway API writes durations (GEP-2257); empty when it cannot."""
    if not milliseconds:
        return "0s"
    found = ""
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)):
        amount, milliseconds = divmod(milliseconds, size)
        if amount > 99_999:
            return ""
        found += f"{amount}{unit}" if amount else ""
    return found


def _host_rewrite(value: str, options: RouteOptions, draft: Draft) -> bool:
    if not draft.forwards or options.append_x_forwarded_host is not None or not _HOSTNAME.fullmatch(value):
        return False
    draft.rewrite["hostname"] = value
    return True


def _headers(value: HeaderManipulation, _: RouteOptions, draft: Draft) -> bool:
    filters = header_filters(value)
    if filters is None:
        return False
    draft.filters.extend(filters)
    return True


def header_filters(value: HeaderManipulation) -> list[Doc] | None:
    """The filters that change headers just so; None when there are none that do."""
    found: list[Doc] = []
    for kind, added, removed in (
        ("RequestHeaderModifier", value.request_headers_to_add, value.request_headers_to_remove),
        ("ResponseHeaderModifier", value.response_headers_to_add, value.response_headers_to_remove),
    ):
        if not added and not removed:
            continue
        changed = _changed(added, removed)
        if changed is None:
            return None
        found.append({"type": kind, kind[0].lower() + kind[1:]: changed})
    return found


def _changed(added: tuple[HeaderValueOption | ResponseHeaderValueOption, ...], removed: tuple[str, ...]) -> Doc | None:
    sets: list[Doc] = []
    adds: list[Doc] = []
    names = [name.lower() for name in removed]
    for one in added:
        header = one.header
        # With a variable of Envoy's (%) it is more than a value, and Gateway API has no empty ones.
        if header is None or not header.value or "%" in header.value:
            return None
        names.append(header.key.lower())
        (sets if one.append is False else adds).append({"name": header.key, "value": header.value})
    good = all(_HEADER.fullmatch(name) and name != "host" for name in names)
    if not good or len(set(names)) < len(names) or max(len(sets), len(adds), len(removed)) > _MOST_HEADERS:
        return None
    fields = {"set": sets, "add": adds, "remove": list(removed)}
    return {field: values for field, values in fields.items() if values}


OWN: Mapping[str, Callable[[Any, RouteOptions, Draft], bool]] = {
    "timeout": _timeout,
    "host_rewrite": _host_rewrite,
    "header_manipulation": _headers,
}
"""By the field of RouteOptions: puts it into a rule, and says whether that could be done."""
