"""cors: cross-origin requests that browsers may make (Gloo, CorsPolicy)."""

import re
from collections.abc import Iterable
from typing import ClassVar

from envoy.extensions.filters.http.cors.v3 import cors_pb2

from daemun.api.gloo.routing import CorsPolicy
from daemun.features.feature import Fault, PerRoute, Scene
from daemun.features.percent import always
from daemun.features.printable import control_faults
from daemun.features.regexes import regex_faults
from daemun.ir.route import Use

_SECONDS = re.compile(r"[0-9]+s?")


class CorsOption(PerRoute[CorsPolicy]):
    """Envoy's CORS filter, in place of an HTTPRoute's own. What a route's policy leaves out is taken from its host's.

    A preflight of an origin that is not allowed goes on to the backend, as in Gloo.
    """

    kind: ClassVar = "cors"
    rare: ClassVar = "cors"
    filter: ClassVar = "envoy.filters.http.cors"
    replaces: ClassVar = ("CORS",)

    def faults(self, spec: CorsPolicy, where: str) -> Iterable[Fault]:
        """Origins that are none, nobody to allow, and what no header of an answer can have."""
        if not (spec.allow_origin or spec.allow_origin_regex or spec.disable_for_route):
            yield where, "allows no origin", "Set allowOrigin or allowOriginRegex."
        for index, regex in enumerate(spec.allow_origin_regex):
            yield from regex_faults(regex, f"{where}.allowOriginRegex[{index}]")
        lists = ("allowMethods", spec.allow_methods), ("allowHeaders", spec.allow_headers)
        for name, every in (*lists, ("exposeHeaders", spec.expose_headers)):
            for index, one in enumerate(every):
                yield from control_faults(one, f"{where}.{name}[{index}]")
        yield from control_faults(spec.max_age, f"{where}.maxAge")

    def omits(self, spec: CorsPolicy, where: str) -> Iterable[Fault]:
        """A time that no browser reads."""
        if spec.max_age and not _SECONDS.fullmatch(spec.max_age):
            text = f"{spec.max_age!r} is not a number of seconds: browsers do not read it"
            yield f"{where}.maxAge", text, "Write it as in '600'."

    def does(self, spec: CorsPolicy, use: Use, scene: Scene) -> str:
        """Whether pages of other origins may read the answer."""
        del use, scene
        if spec.disable_for_route:
            return "does nothing for CORS here, whatever the host says"
        origins = ", ".join((*spec.allow_origin, *spec.allow_origin_regex))
        return f"answers the CORS preflights of browsers, and lets pages of these origins read answers: {origins}"

    def idle(self) -> cors_pb2.Cors:
        """The filter, which has nothing to set but per route."""
        return cors_pb2.Cors()

    def config(self, spec: CorsPolicy) -> cors_pb2.CorsPolicy:
        """The spec as a policy of Envoy."""
        policy = cors_pb2.CorsPolicy(
            allow_methods=",".join(spec.allow_methods),
            allow_headers=",".join(spec.allow_headers),
            expose_headers=",".join(spec.expose_headers),
            max_age=spec.max_age.removesuffix("s") if _SECONDS.fullmatch(spec.max_age) else spec.max_age,
        )
        for origin in spec.allow_origin:
            policy.allow_origin_string_match.add(exact=origin)
        for regex in spec.allow_origin_regex:
            policy.allow_origin_string_match.add(safe_regex={"regex": regex})
        if spec.allow_credentials:
            policy.allow_credentials.value = True
        if spec.disable_for_route:
            policy.filter_enabled.CopyFrom(always(0))
        return policy
