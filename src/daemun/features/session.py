"""sessionPersistence: a client stays with the endpoint that it first met (GEP-1619, experimental)."""

import re
from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.stateful_session.v3 import stateful_session_pb2 as session_v3
from envoy.extensions.filters.network.http_connection_manager.v3 import http_connection_manager_pb2 as hcm_v3
from envoy.extensions.http.stateful_session.cookie.v3 import cookie_pb2
from envoy.extensions.http.stateful_session.header.v3 import header_pb2

from daemun.api.filters import SessionPersistence as Spec
from daemun.base.durations import milliseconds
from daemun.base.framing import TOLD, framing
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene, disabled_filter
from daemun.ir.route import Use

_NAME = "envoy.filters.http.stateful_session"
_COOKIE = "daemun-session"
_HEADER = "x-daemun-session"
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")


class SessionPersistence(Feature[Spec]):
    """Envoy's stateful session: the endpoint's address travels in a cookie or a header. Nothing is stored here."""

    kind: ClassVar = "sessionPersistence"
    rare: ClassVar = "sessions"

    def http_filter(self) -> hcm_v3.HttpFilter:
        """The filter, without a state of its own."""
        return disabled_filter(_NAME, session_v3.StatefulSession())

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """A name that no cookie and no header can have."""
        if spec.session_name and not _TOKEN.fullmatch(spec.session_name):
            yield f"{where}.sessionName", f"{spec.session_name!r} is not a name", "Use letters, digits and '-'."
        elif spec.type == "Header" and framing(spec.session_name or ""):
            yield f"{where}.sessionName", f"{spec.session_name!r} {TOLD}", "Choose another name."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """What remembers the endpoint."""
        del use, scene
        named = f" {spec.session_name}" if spec.session_name else ""
        return f"keeps the client with the endpoint that it first met, by a {spec.type.lower()}{named}"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """A cookie lives as long as the browser's session, unless it is to be permanent."""
        del use
        config = session_v3.StatefulSessionPerRoute()
        state = config.stateful_session.session_state
        if spec.type == "Cookie":
            cookie = cookie_pb2.CookieBasedSessionState()
            cookie.cookie.name = spec.session_name or _COOKIE
            cookie.cookie.path = "/" if draft.match.path_type == "Regex" else draft.match.path.rstrip("/") or "/"
            permanent = spec.cookie_config is not None and spec.cookie_config.lifetime_type == "Permanent"
            if permanent and spec.absolute_timeout:
                cookie.cookie.ttl.FromMilliseconds(milliseconds(spec.absolute_timeout))
            state.name = "envoy.http.stateful_session.cookie"
            state.typed_config.Pack(cookie, deterministic=True)
        else:
            state.name = "envoy.http.stateful_session.header"
            state.typed_config.Pack(
                header_pb2.HeaderBasedSessionState(name=spec.session_name or _HEADER), deterministic=True
            )
        draft.per_route(_NAME, config)
