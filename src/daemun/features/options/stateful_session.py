"""statefulSession: a client stays with the endpoint that it first met (Gloo, StatefulSession)."""

from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.stateful_session.v3 import stateful_session_pb2 as session_v3
from envoy.extensions.http.stateful_session.cookie.v3 import cookie_pb2
from envoy.extensions.http.stateful_session.header.v3 import header_pb2

from daemun.api.gloo.listener_filters import StatefulSession as Spec
from daemun.base.framing import TOLD, framing
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.printable import cookie_faults, name_faults
from daemun.features.times import duration, duration_faults
from daemun.ir.route import Use


class StatefulSession(PerRoute[Spec]):
    """Envoy's stateful session, on all hosts of a listener: the endpoint's address is in a cookie or a header."""

    kind: ClassVar = "statefulSession"
    rare: ClassVar = "sessions"
    filter: ClassVar = "envoy.filters.http.stateful_session"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """What has no name, or one that it cannot have."""
        cookie = spec.cookie_based.cookie if spec.cookie_based is not None else None
        if spec.header_based is not None:
            if not spec.header_based.header_name:
                yield f"{where}.headerBased.headerName", "is missing", "Name the header."
            elif framing(spec.header_based.header_name):
                name = spec.header_based.header_name
                yield f"{where}.headerBased.headerName", f"{name!r} {TOLD}", "Choose another name."
            else:
                yield from name_faults(spec.header_based.header_name, f"{where}.headerBased.headerName")
        elif cookie is None:
            yield f"{where}.cookieBased.cookie.name", "is missing", "Name the cookie."
        else:
            yield from cookie_faults(cookie.name, cookie.path, f"{where}.cookieBased.cookie")
            yield from duration_faults(cookie.ttl, f"{where}.cookieBased.cookie.ttl")

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """What remembers the endpoint."""
        del use, scene
        how = f"header {spec.header_based.header_name}" if spec.header_based is not None else "a cookie"
        else_ = "answers 503 when that is gone" if spec.strict else "goes to another when that is gone"
        return f"keeps the client with the endpoint that it first met, by {how}; {else_}"

    def idle(self) -> session_v3.StatefulSession:
        """The filter, without a state of its own."""
        return session_v3.StatefulSession()

    def config(self, spec: Spec) -> session_v3.StatefulSessionPerRoute:
        """The spec as the state that Envoy keeps with clients."""
        config = session_v3.StatefulSessionPerRoute()
        config.stateful_session.strict = spec.strict
        state = config.stateful_session.session_state
        if spec.header_based is not None:
            state.name = "envoy.http.stateful_session.header"
            state.typed_config.Pack(
                header_pb2.HeaderBasedSessionState(name=spec.header_based.header_name), deterministic=True
            )
            return config
        made = cookie_pb2.CookieBasedSessionState()
        cookie = spec.cookie_based.cookie if spec.cookie_based is not None else None
        if cookie is not None:
            made.cookie.name, made.cookie.path = cookie.name, cookie.path
            if cookie.ttl is not None:
                made.cookie.ttl.CopyFrom(duration(cookie.ttl))
        state.name = "envoy.http.stateful_session.cookie"
        state.typed_config.Pack(made, deterministic=True)
        return config
