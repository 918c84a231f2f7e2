"""The explanation itself: the way of one request through the configuration, step by step."""

import msgspec

from daemun.base.names import Name
from daemun.envoy import scopes
from daemun.envoy.directory import is_directory
from daemun.envoy.listeners import connection_manager
from daemun.explain.actions import outcome
from daemun.explain.effects import Scene, effects, host_effects, port_effects
from daemun.explain.naming import called
from daemun.explain.near import near_misses
from daemun.explain.normalise import Seen, Ways, normalise
from daemun.explain.order import Choice, Placed, asks_preflight, candidate, choose, entries
from daemun.explain.place import Place, covering, find_place
from daemun.explain.request import Request
from daemun.explain.result import Explanation, Host, Outcome
from daemun.gatewayapi.routes.owners import HostOwner
from daemun.ir.listener import Frontend, HostKey, Listener
from daemun.ir.uses import NOTHING, ListenerUses
from daemun.translate import Translation


def explain(translation: Translation, request: Request, gateway: Name | None = None) -> Explanation:
    """What becomes of the request, and why. `gateway` names the one that it is sent to, if the URL leaves it open."""
    place = find_place(translation, request, gateway)
    if isinstance(place, Outcome):
        return Explanation(request, place)
    seen, changes, answer = normalise(request, _ways(translation, place))
    entry = place.entry
    if answer is not None:
        return Explanation(request, answer, entry, changes)
    owner = _owner(translation, place, seen.hostname)
    mine = owner.listener if owner else None
    if mine is not None:
        entry = msgspec.structs.replace(
            entry, owner=mine.origin.ref, listener=mine.name, hostname=mine.hostname, api_port=mine.port
        )
    found = _virtual_host(translation, place, seen.hostname)
    if found is None or owner is None or mine is None:
        names = ", ".join(sorted(listener.hostname or "any" for listener in place.frontend.listeners))
        why = f"answered with 404: no listener on port {place.key.port} is for {_shown(seen)} (they are for {names})"
        near = near_misses(translation, place, None, None, seen, None)
        return Explanation(request, Outcome("answered", why, 404), entry, changes, near=near)
    host, scope = found
    told = Host(host.hostname or "*", scope, _why_host(place.frontend, host, mine, seen))
    asked = place.handshake
    if asked is not None and owner.handshakes and asked.hostname not in owner.handshakes:
        why = (
            f"answered with 421: the TLS handshake was for {called(asked.origin.ref, asked.name)}, "
            f"but host {_shown(seen)} belongs to {called(mine.origin.ref, mine.name)}"
        )
        return Explanation(request, Outcome("answered", why, 421), entry, changes, told)
    of_host = translation.listener_uses.get(mine.key, NOTHING)
    if of_host.closed:
        closed = Outcome("answered", f"answered with 500: {of_host.closed}", 500)
        return Explanation(request, closed, entry, changes, told)
    choice = choose(entries(translation, host, mine), place.frontend, seen)
    explanation = Explanation(
        request=request,
        outcome=Outcome("answered", f"answered with 404: no route matches on host {host.hostname or '*'}", 404),
        entry=entry,
        changes=changes,
        host=told,
        before=choice.before,
        omitted=choice.omitted,
        after=choice.after,
        near=near_misses(translation, place, host, mine, seen, choice.winner.resolved.whole if choice.winner else None),
    )
    if choice.winner is None:
        return explanation
    return _won(translation, place, explanation, choice, choice.winner, seen, of_host)


def _of_port(translation: Translation, place: Place) -> ListenerUses:
    """What policies put on the port: of several listeners without TLS the first one's count."""
    listener = place.handshake or next(iter(place.frontend.http), None)
    return translation.listener_uses.get(listener.key, NOTHING) if listener is not None else NOTHING


def _ways(translation: Translation, place: Place) -> Ways:
    """What the port does with paths and header names, from the configuration that Envoy has."""
    manager, _ = connection_manager(place.key, None, "", _of_port(translation, place))
    http = manager.common_http_protocol_options
    return Ways(
        normalize=manager.normalize_path.value,
        merge=manager.merge_slashes,
        slashes=manager.PathWithEscapedSlashesAction.Name(manager.path_with_escaped_slashes_action),
        any_method=manager.http_protocol_options.allow_custom_methods,
        underscores=http.HeadersWithUnderscoresAction.Name(http.headers_with_underscores_action),
    )


def _won(
    translation: Translation,
    place: Place,
    explanation: Explanation,
    choice: Choice,
    winner: Placed,
    seen: Seen,
    of_host: ListenerUses,
) -> Explanation:
    """The explanation, now that a route takes the request."""
    request, rule = explanation.request, winner.rule
    uses = () if rule.broken else rule.uses
    result = outcome(translation, place, winner, seen, request.scheme)
    scene = Scene(seen, winner.match, forwarded=result.kind == "forwarded")
    why = "the first that fits, in Envoy's order"
    if choice.further:
        why = (
            "it takes the CORS preflights of its requests too" if asks_preflight(seen) else "it takes such requests too"
        )
    return msgspec.structs.replace(
        explanation,
        winner=candidate(winner, why),
        outcome=result,
        effects=(
            *port_effects(winner.author, _of_port(translation, place), scene),
            *effects(winner.author, uses, scene),
            *host_effects(winner.author, of_host, uses, scene),
        ),
        problems=translation.problems.get(winner.author, ()),
    )


def _owner(translation: Translation, place: Place, hostname: str) -> HostOwner | None:
    """Whose the host is: that of the most specific hostname that covers it."""
    keys = (HostKey(place.key, one) for one in covering(hostname))
    return next((translation.host_owners[key] for key in keys if key in translation.host_owners), None)


def _virtual_host(translation: Translation, place: Place, hostname: str) -> tuple[HostKey, str] | None:
    """The most specific virtual host that Envoy has for the host, and the key of its scope."""
    for one in covering(hostname):
        key = HostKey(place.key, one)
        for spread in (False, True):
            found = translation.resources.get(scopes.place(key, spread=spread))
            if found is not None and not is_directory(found):
                return key, scopes.key_of(key, spread=spread)
    return None


def _why_host(frontend: Frontend, host: HostKey, mine: Listener, seen: Seen) -> str:
    """Why this virtual host, and whose it is."""
    domain = host.hostname or "*"
    others = [one.hostname or "*" for one in frontend.listeners if one.chain != mine.chain]
    whose = f"{called(mine.origin.ref, mine.name)} ({mine.hostname or 'any host'})"
    among = f", the most specific of {len(others) + 1} on this port" if others else ""
    how = "is" if domain == seen.hostname else f"is covered by {domain}, which is"
    return f"host {_shown(seen)} {how} the most specific virtual host there is; it belongs to {whose}{among}"


def _shown(seen: Seen) -> str:
    return seen.hostname or "(empty)"
