"""What is served and yet likely not what is meant: routes nobody reaches, listeners nobody uses, policies that lose."""

import functools
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cryptography import x509

from daemun.api.core import Secret
from daemun.base.names import CORE, Name, Ref
from daemun.explain.endpoints import endpoints
from daemun.gatewayapi.tls.certificates import CERTIFICATE
from daemun.ir.problem import Problem
from daemun.ir.tls import bundle_of
from daemun.lint.shadows import shadowed
from daemun.translate import Translation
from daemun.view.effective import Policies, effective

EXPIRES_DAYS = 30.0
"""How long a certificate must be good for still, if nobody says otherwise."""
_FEW = 3


def lints(translation: Translation, now: float, days: float = EXPIRES_DAYS) -> list[Problem]:
    """All of it, as warnings. `now` is in seconds since 1970."""
    found = [
        *shadowed(translation),
        *_dead_listeners(translation),
        *_unreachable(translation),
        *_expiring(translation, now, days),
        *_losing(translation),
    ]
    return sorted(dict.fromkeys(found))


def _dead_listeners(translation: Translation) -> Iterator[Problem]:
    """Listeners that serve, and that no route is attached to."""
    used = {(one.owner, one.listener) for route in translation.routes.values() for one in route.attachments}
    for ref, parent in translation.parents.items():
        for at, one in enumerate(parent.listeners):
            if one.serves and not parent.refused and (ref, one.name) not in used:
                text = f"no route is attached to listener {one.name}, so all that comes in there is answered with 404"
                if one.listener is not None and not one.listener.http:
                    text = f"no route is attached to listener {one.name}, so all connections there are closed"
                yield _warning(ref, "NoRoutes", f"spec.listeners[{at}]", text, "Attach a route, or remove it.")


def _unreachable(translation: Translation) -> Iterator[Problem]:
    """Backends without an endpoint that is ready, and rules of which no backend has a weight."""
    ready: dict[str, bool] = {}
    for route in translation.routes.values():
        proxies = dict.fromkeys(one.frontend.proxy for one in route.attachments)
        for rule in route.route.rules:
            author = route.route.author(rule)
            if rule.backends and proxies and not rule.broken and not any(one.weight for one in rule.backends):
                text = "no backend has a weight, so the rule answers with 500"
                yield _warning(author, "NoWeight", rule.where, text, "Give one a weight.")
            for backend in rule.backends:
                key = backend.key
                if key is None or not backend.weight:
                    continue
                # One proxy has what another has: endpoints are those of the object.
                proxy = next(iter(proxies), "")
                if proxy and key.cluster not in ready:
                    ready[key.cluster] = bool(endpoints(translation, proxy, key.cluster))
                if proxy and not ready[key.cluster]:
                    text = f"{key.ref} has no endpoint that is ready, so requests for it are answered with 503"
                    mend = "See whether its pods run and whether its selector fits them."
                    yield _warning(author, "NoEndpoints", backend.where, text, mend)


def _expiring(translation: Translation, now: float, days: float) -> Iterator[Problem]:
    """Certificates that listeners show and that end soon."""
    secrets = {
        Name.of(name)
        for frontend in translation.frontends.values()
        for listener in frontend.listeners
        for name in listener.secrets
        if not bundle_of(name)
    }
    for name in sorted(secrets):
        held = translation.sources[CORE, "Secret"].get(name)
        end = _end(held) if isinstance(held, Secret) else None
        left = (end.timestamp() - now) / 86_400 if end is not None else days
        if end is not None and left < days:
            when = f"{end:%Y-%m-%d %H:%M} UTC"
            text = f"its certificate ends in {left:.0f} days, {when}" if left > 0 else f"its certificate ended {when}"
            yield _warning(Ref(CORE, "Secret", *name), "CertificateExpires", CERTIFICATE, text, "Renew it.")


def _end(held: Secret) -> datetime | None:
    """When the first certificate of the chain ends; whether there is one was judged elsewhere."""
    try:
        chain = x509.load_pem_x509_certificates(held.get(CERTIFICATE) or b"")
    except ValueError:
        return None
    return min(one.not_valid_after_utc for one in chain).astimezone(UTC)


def _losing(translation: Translation) -> Iterator[Problem]:
    """Policies of routes that are used by some, and change nothing for any of them."""
    policies = Policies(translation)
    views_of = functools.cache(lambda at: effective(translation, at, policies))
    using: dict[Ref, dict[Ref, None]] = {}
    for route in translation.routes.values():
        for policy in route.options:
            using.setdefault(policy, {})[route.ref] = None
    # Only where there is somebody to lose to is there anything to look for.
    for ref, routes in sorted(using.items()):
        rivals = any(len(one.options) > 1 or one.through for at in routes for one in translation.resolved(at))
        judged = policies.by_ref.get(ref)  # a DirectResponse is none
        if not rivals or judged is None or not judged.options:
            continue
        views = [one for at in routes for one in views_of(at)]
        if any(field.by == ref for one in views for field in one.fields):
            continue
        lost = [one for view in views for one in view.lost if one.by == ref]
        if lost and all(one.why.endswith(" counts") or "last word" in one.why for one in lost):
            names = ", ".join(dict.fromkeys(one.name for one in lost))
            winners = _some(one.why.removesuffix(" counts") for one in lost if one.why.endswith(" counts"))
            text = f"it changes nothing for {_some(map(str, routes))}: of {names} {winners or 'another'} counts"
            yield _warning(ref, "PolicyLoses", "spec.targetRefs", text, "Remove it, or put both into one.")


def _some(words: Iterable[str]) -> str:
    every = list(dict.fromkeys(words))
    more = f" and {len(every) - _FEW} more" if len(every) > _FEW else ""
    return ", ".join(every[:_FEW]) + more


def _warning(ref: Ref, word: str, where: str, text: str, mend: str) -> Problem:
    return Problem(ref, word, where, text, mend, warning=True)
