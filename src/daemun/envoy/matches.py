"""Matches: what a request must look like, in Envoy's words; and the check that Envoy will take the words."""

from collections.abc import Iterable

from envoy.config.route.v3 import route_components_pb2 as route_v3
from envoy.type.matcher.v3 import regex_pb2, string_pb2

from daemun.features.regexes import regex_faults
from daemun.ir.route import Match, ValueMatch


def route_match(match: Match) -> route_v3.RouteMatch:
    """Envoy's form of a match. Envoy matches a regex against the whole value, as Gateway API wants it."""
    proto = route_v3.RouteMatch()
    _set_path(proto, match)
    if match.any_case:
        proto.case_sensitive.value = False
    if match.method:
        proto.headers.add(name=":method", string_match={"exact": match.method})
    for header in match.headers:
        name = ":authority" if header.name == "host" else header.name
        asked = proto.headers.add(name=name, invert_match=header.invert)
        if header.present:
            asked.present_match = True
        else:
            asked.string_match.CopyFrom(_string(header))
    for param in match.query:
        if param.present:
            proto.query_parameters.add(name=param.name, present_match=True)
        else:
            proto.query_parameters.add(name=param.name, string_match=_string(param))
    return proto


def _set_path(proto: route_v3.RouteMatch, match: Match) -> None:
    if match.path_type == "Exact":
        proto.path = match.path
    elif match.path_type == "Regex":
        proto.safe_regex.regex = match.path
    elif match.path_type == "Start":
        proto.prefix = match.path
    elif match.path_type == "Connect":
        proto.connect_matcher.SetInParent()
    else:
        # /foo, /foo/ and /foo/bar have the prefix /foo, but /foobar has not: whole path elements.
        prefix = match.path.rstrip("/")
        if prefix:
            proto.path_separated_prefix = prefix
        else:
            proto.prefix = "/"


def _string(value: ValueMatch) -> string_pb2.StringMatcher:
    if value.regex:
        return string_pb2.StringMatcher(safe_regex=regex_pb2.RegexMatcher(regex=value.value))
    return string_pb2.StringMatcher(exact=value.value)


def match_faults(match: Match) -> Iterable[tuple[str, str, str]]:
    """Regular expressions that Envoy would refuse, and with them every other route of the same listener."""
    if match.path_type == "Regex":
        yield from regex_faults(match.path, f"{match.where}.path.value")
    for field, values in (("headers", match.headers), ("queryParams", match.query)):
        for value in values:
            if value.regex:
                yield from regex_faults(value.value, f"{match.where}.{field}[{value.name}].value")
