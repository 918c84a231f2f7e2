"""What a classic route does with a request, as a rule of an HTTPRoute, one small function for each action."""

import re

from daemun.api.gloo.destinations import DirectResponseAction, RedirectAction
from daemun.base.names import GLOO_KUBE_GATEWAY, Name
from daemun.gloo.classic.delegation import Placing
from daemun.gloo.migrate.bench import Bench, Doc
from daemun.gloo.migrate.destinations import Destinations
from daemun.gloo.migrate.options import Draft

_CODES = {
    "MOVED_PERMANENTLY": 301,
    "FOUND": 302,
    "SEE_OTHER": 303,
    "TEMPORARY_REDIRECT": 307,
    "PERMANENT_REDIRECT": 308,
}
_CLOSED = "Its requests are answered with 500."
_HOSTNAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_BODY = 4096


def act(bench: Bench, placing: Placing, home: Name, draft: Draft) -> None:
    """Write the action into the rule of the HTTPRoute `home`. What cannot be carried over is answered with 500."""
    route, where = placing.route, placing.where
    if route.route_action is not None:
        _forward(bench, placing, home, draft)
    elif route.redirect_action is not None:
        _redirect(bench, placing, route.redirect_action, draft)
    elif route.direct_response_action is not None:
        _answer(bench, placing, home, route.direct_response_action, draft)
    elif route.graphql_api_ref is not None:
        text = "GraphQL has no like in Gateway API"
        bench.report.error(placing.by, "GraphQLLost", f"{where}.graphqlApiRef", text, _CLOSED)
    else:
        bench.report.error(placing.by, "NoAction", where, "a route needs an action", _CLOSED)


def _forward(bench: Bench, placing: Placing, home: Name, draft: Draft) -> None:
    action, where = placing.route.route_action, f"{placing.where}.routeAction"
    assert action is not None  # noqa: S101 - the caller has looked
    draft.backends = Destinations(bench, placing.by, "HTTPRoute", home.namespace).all(where, action)
    if action.cluster_header is not None:
        text = "an HTTPRoute cannot choose a backend by a header's value"
        mend = f"Write a rule for each value, with a match on the header. {_CLOSED}"
        bench.report.error(placing.by, "ClusterHeaderLost", f"{where}.clusterHeader", text, mend)
    elif action.dynamic_forward_proxy is not None:
        text = "an HTTPRoute has no dynamic forward proxy"
        mend = f"Make an Egress its backend, a list of the hosts that are meant. {_CLOSED}"
        bench.report.error(placing.by, "ForwardProxyLost", f"{where}.dynamicForwardProxy", text, mend)


def _redirect(bench: Bench, placing: Placing, action: RedirectAction, draft: Draft) -> None:
    where = f"{placing.where}.redirectAction"
    spec: Doc = {}
    if action.https_redirect:
        spec["scheme"] = "https"
    host, colon, port = action.host_redirect.partition(":")
    if host and _HOSTNAME.fullmatch(host) and (not colon or port.isdigit()):
        spec["hostname"] = host
    elif host:
        text = f"{action.host_redirect!r} is no hostname that a redirect may name"
        bench.report.error(placing.by, "RedirectLost", f"{where}.hostRedirect", text, "The host stays as it is.")
    if action.path_redirect is not None:
        spec["path"] = {"type": "ReplaceFullPath", "replaceFullPath": action.path_redirect}
    if action.port_redirect or port.isdigit():
        spec["port"] = action.port_redirect or int(port)
    elif "hostname" in spec and "scheme" not in spec and bench.odd_ports:
        # Gateway API would name the listener's port; Gloo names none, which is the scheme's.
        spec["port"] = 443 if _encrypted(bench, placing) else 80
    spec["statusCode"] = _CODES[action.response_code]
    if action.strip_query:
        text = "a redirect of an HTTPRoute keeps the query"
        bench.report.error(placing.by, "RedirectLost", f"{where}.stripQuery", text, "It is left out.")
    if action.regex_rewrite is not None:
        text = "a redirect of an HTTPRoute has no regular expressions"
        if no_path(bench, placing, f"{where}.regexRewrite", text, spec):
            return
    draft.filter("RequestRedirect", "requestRedirect", spec)


def no_path(bench: Bench, placing: Placing, where: str, text: str, spec: Doc) -> bool:
    """Tell that a redirect's new path is lost. Gives whether it would lead to where it came from, and must not be."""
    circle = not {"scheme", "hostname", "port"} & spec.keys()
    bench.report.error(placing.by, "RedirectLost", where, text, _CLOSED if circle else "The path stays as it is.")
    return circle


def _encrypted(bench: Bench, placing: Placing) -> bool:
    """Whether the VirtualService that a route belongs to is served over TLS."""
    root = (placing, *placing.above)[-1].by
    return bench.world.service(root.key).spec.ssl_config is not None


def _answer(bench: Bench, placing: Placing, home: Name, action: DirectResponseAction, draft: Draft) -> None:
    where = f"{placing.where}.directResponseAction"
    if not 200 <= action.status <= 599 or len(action.body) > _LONGEST_BODY:
        text = f"a DirectResponse has a status from 200 to 599 and a body of {_LONGEST_BODY} characters at most"
        bench.report.error(placing.by, "DirectResponseLost", where, text, _CLOSED)
        return
    spec: Doc = {"status": action.status, **({"body": action.body} if action.body else {})}
    wanted = f"{home.name}-{placing.route.name or action.status}"
    name = bench.shared(
        GLOO_KUBE_GATEWAY, "DirectResponse", home.namespace, wanted, spec, f"From {placing.by} {where}."
    )
    draft.filter("ExtensionRef", "extensionRef", {"group": GLOO_KUBE_GATEWAY, "kind": "DirectResponse", "name": name})
