"""The path, host and Location that come out of an Envoy route, read from the very message that Envoy gets."""

import re
from typing import Any

import re2
from envoy.config.route.v3 import route_components_pb2 as route_v3

from daemun.explain.normalise import Seen

_REDIRECT_CODES = {0: 301, 1: 302, 2: 303, 3: 307, 4: 308}
_GROUP = re.compile(r"\\([0-9\\])")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def forwarded(route: route_v3.Route, seen: Seen, host_rewrite: str = "") -> tuple[str, str]:
    """The target and the host that the backend sees. `host_rewrite` is that of a weighted cluster."""
    action = route.route
    path = _rewritten(action, route.match, seen.path)
    target = path if seen.query is None else f"{path}?{seen.query}"
    return target, _host(action, seen, host_rewrite or seen.host)


def _host(action: route_v3.RouteAction, seen: Seen, below: str) -> str:
    """The host that a route makes of a request's; `below` if it leaves that to its clusters, over which it has the last
    word. Of endpoints' hostnames nothing is known here.
    """
    how = action.WhichOneof("host_rewrite_specifier")
    if how == "host_rewrite_literal":
        return str(action.host_rewrite_literal)
    if how == "host_rewrite_header":
        return next(iter(seen.values(action.host_rewrite_header)), below)
    if how == "host_rewrite_path_regex":
        return substituted(action.host_rewrite_path_regex, seen.path)
    return below


def redirected(route: route_v3.Route, seen: Seen, scheme: str) -> tuple[int, str]:
    """The status and the Location of a redirect."""
    action = route.redirect
    new_scheme = "https" if action.https_redirect else action.scheme_redirect or scheme
    query = None if action.strip_query else seen.query
    port = f":{action.port_redirect}" if action.port_redirect else ""
    host = action.host_redirect or _without_port(seen.host, scheme, new_scheme, port)
    if action.path_redirect:
        target = action.path_redirect
        if "?" not in target and query is not None:
            target = f"{target}?{query}"
    else:
        path = _rewritten(action, route.match, seen.path)
        target = path if query is None else f"{path}?{query}"
    return _REDIRECT_CODES[action.response_code], f"{new_scheme}://{host}{port}{target}"


def _without_port(host: str, scheme: str, new_scheme: str, port: str) -> str:
    """Envoy keeps the port that the client wrote, unless there is a new one, or it was that of the old scheme."""
    colon = host.rfind(":")
    if colon <= host.rfind("]"):
        return host
    drop = bool(port) or (new_scheme != scheme and host[colon:] == _DEFAULT_PORTS[scheme])
    return host[:colon] if drop else host


def _rewritten(action: Any, match: route_v3.RouteMatch, path: str) -> str:
    """The path after `prefix_rewrite` or `regex_rewrite`, which redirects and forwards have in common."""
    if action.prefix_rewrite:
        # A regular expression matches the path as a whole.
        matched = path if match.HasField("safe_regex") else match.path_separated_prefix or match.prefix or match.path
        return str(action.prefix_rewrite) + path[len(matched) :]
    if action.HasField("regex_rewrite"):
        return substituted(action.regex_rewrite, path)
    return path


def substituted(change: Any, text: str) -> str:
    """A text after Envoy's RegexMatchAndSubstitute."""

    def expanded(found: Any) -> str:
        return _GROUP.sub(
            lambda escape: found[int(escape[1])] or "" if escape[1] != "\\" else "\\", change.substitution
        )

    return str(re2.sub(change.pattern.regex, expanded, text))
