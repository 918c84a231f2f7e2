"""Envoy's own form of a match, for the further routes that features put before the route of a match.

A CORS preflight, or a redirect whose Host names a port, has a route of its own. What such a route asks for is known to
its feature alone, so it is read from the message.
"""

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.type.matcher.v3 import string_pb2

from daemun.envoy.actions import build
from daemun.explain.matching import first_params, full_match
from daemun.explain.normalise import Seen
from daemun.ir.route import Match, Rule

MILLION = 1_000_000


def fitting(name: str, rule: Rule, match: Match, port: int, tls: bool, seen: Seen) -> list[tuple[route_v3.Route, int]]:
    """The Envoy routes of a match that the request fits, in order, with their shares in millionths of it."""
    protos, _ = build(name, rule, match, port, tls)
    found: list[tuple[route_v3.Route, int]] = []
    before = 0
    for proto in protos:
        if not fits(proto.match, seen):
            continue
        upto = share_upto(proto)
        if upto > before:
            found.append((proto, upto - before))
            before = upto
    return found


def share_upto(proto: route_v3.Route) -> int:
    """The share of all requests, in millionths, that this Envoy route and those before it take."""
    if not proto.match.HasField("runtime_fraction"):
        return MILLION
    return int(proto.match.runtime_fraction.default_value.numerator)


def fits(match: route_v3.RouteMatch, seen: Seen) -> bool:
    """Whether a request fits Envoy's form of a match."""
    if match.HasField("connect_matcher"):
        if seen.method != "CONNECT":
            return False
    elif not _path_fits(match, seen.path):
        return False
    if not all(_header_fits(header, seen) for header in match.headers):
        return False
    params = first_params(seen.query)
    return all(
        param.name in params and (param.present_match or _string_fits(param.string_match, params[param.name]))
        for param in match.query_parameters
    )


def _path_fits(match: route_v3.RouteMatch, path: str) -> bool:
    if match.HasField("safe_regex"):
        return full_match(match.safe_regex.regex, path)
    if match.HasField("case_sensitive") and not match.case_sensitive.value:
        return _path_fits(_lowered(match), path.lower())
    if match.HasField("path"):
        return path == str(match.path)
    if match.HasField("path_separated_prefix"):
        prefix = match.path_separated_prefix
        return path == str(prefix) or path.startswith(f"{prefix}/")
    return path.startswith(match.prefix)


def _lowered(match: route_v3.RouteMatch) -> route_v3.RouteMatch:
    """The path of a match that is not case-sensitive."""
    kind = match.WhichOneof("path_specifier")
    lowered = route_v3.RouteMatch()
    setattr(lowered, kind, getattr(match, kind).lower())
    return lowered


def _header_fits(header: route_v3.HeaderMatcher, seen: Seen) -> bool:
    """Whether a header fits. One that is not there fits only where its absence is asked for."""
    values = _values(header.name, seen)
    if header.HasField("present_match"):
        return bool(values) == bool(header.present_match != header.invert_match)
    if not values:
        return False
    return any(_string_fits(header.string_match, value) for value in values) != bool(header.invert_match)


def _values(name: str, seen: Seen) -> tuple[str, ...]:
    if name == ":method":
        return (seen.method,)
    return seen.values("host" if name == ":authority" else name)


def _string_fits(wanted: string_pb2.StringMatcher, value: str) -> bool:
    return full_match(wanted.safe_regex.regex, value) if wanted.HasField("safe_regex") else value == str(wanted.exact)
