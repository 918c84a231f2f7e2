"""Judging a change, as Gloo's webhook does, but each object by itself.

What cannot be decoded is refused. What would be wrong with the object refuses it only where `always_accept` is off;
warnings, and what would be wrong with others because of it, only where `allow_warnings` is off too; else whoever writes
it is told. What was wrong before does not count: who mends one of two mistakes is let through.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

import msgspec

from daemun.admission.review import Asked, Verdict
from daemun.api.decode import NO_SUCH_FIELD, Decoded, decode, served
from daemun.api.gloo.settings import SettingsSpec
from daemun.api.kinds import BY_NAME
from daemun.base.names import GATEWAY, Ref
from daemun.explain.suppose import Suppositions
from daemun.ir.problem import Problem

_SOFT = {"BackendNotFound"}
"""What Gloo warns of though requests fail by it: objects may come, and go, in any order."""


class Policy(msgspec.Struct, frozen=True):
    """What refuses an object: errors unless `always_accept`, warnings unless `allow_warnings`.

    `warn_missing_tls_secret`: a certificate that is not there is a warning.
    """

    always_accept: bool = True
    allow_warnings: bool = True
    warn_missing_tls_secret: bool = False

    def overridden(self, settings: SettingsSpec | None) -> "Policy":
        """With what Gloo's Settings say."""
        said = settings.gateway.validation if settings and settings.gateway else None
        if said is None:
            return self
        values = {
            "always_accept": said.always_accept,
            "allow_warnings": said.allow_warnings,
            "warn_missing_tls_secret": said.warn_missing_tls_secret,
        }
        return msgspec.structs.replace(self, **{name: value for name, value in values.items() if value is not None})


class Judge:
    """Answers one question after the other. `policy` says what refuses; `fetched` waits for what a change refers to."""

    def __init__(
        self, suppositions: Suppositions, policy: Callable[[], Policy], fetched: Callable[[], Awaitable[None]]
    ) -> None:
        self._suppositions = suppositions
        self._policy = policy
        self._fetched = fetched
        self._turn = asyncio.Lock()

    async def judge(self, asked: Asked) -> Verdict:
        """Whether the change may be made."""
        if asked.skipped or (asked.kind.group, asked.kind.kind) not in BY_NAME:
            return Verdict()
        policy = self._policy()
        if asked.operation == "DELETE":
            errors, warnings = await self._supposed(asked.ref, None)
            return _verdict(asked.ref, policy, errors, warnings)
        decoded, unknown = _decoded(asked)
        if decoded is None or decoded.value is None:
            return Verdict(_refusal(asked.ref, decoded.problems if decoded else ()))
        errors, warnings = await self._supposed(decoded.ref, decoded.value)
        return _verdict(decoded.ref, policy, errors, [*unknown, *warnings])

    async def _supposed(self, ref: Ref, value: object | None) -> tuple[list[Problem], list[Problem]]:
        async with self._turn:
            self._suppositions.begin(ref, value)
            try:
                await self._fetched()
                own = self._suppositions.news(ref)
                others = [self._suppositions.news(one) for one in self._suppositions.others(ref)]
            finally:
                self._suppositions.end()
        # What becomes wrong with others is theirs to mend: it is told, and stands in nobody's way.
        theirs = [problem for news in others for problem in (*news.errors, *news.warnings)]
        return list(own.errors), [*own.warnings, *theirs]


def _decoded(asked: Asked) -> tuple[Decoded | None, list[Problem]]:
    """The object as it is to be understood, and what of it is not understood but does no harm."""
    found = decode(asked.object)
    if found is None or found.value is not None:
        return found, []
    # A field that Daemun does not know may be of a newer version of the API: the rest of the object counts.
    lenient = served(found.ref, BY_NAME[found.ref.group, found.ref.kind], msgspec.json.encode(asked.object))
    if lenient.value is None or not found.problems[0].text.endswith(NO_SUCH_FIELD):
        return found, []
    return lenient, [msgspec.structs.replace(found.problems[0], warning=True)]


def _verdict(ref: Ref, policy: Policy, errors: list[Problem], warnings: list[Problem]) -> Verdict:
    soft = _SOFT | ({"InvalidCertificateRef"} if policy.warn_missing_tls_secret else set())
    warnings = [*(one for one in errors if one.code in soft), *warnings]
    errors = [one for one in errors if one.code not in soft]
    # Gateway API's objects may come in any order, a route before its Gateway: their status says what is missing.
    strict = not policy.always_accept and ref.group != GATEWAY
    if strict and errors:
        return Verdict(_refusal(ref, errors), tuple(_told(ref, warnings)))
    if strict and warnings and not policy.allow_warnings:
        return Verdict(_refusal(ref, warnings))
    return Verdict("", tuple(_told(ref, [*errors, *warnings])))


def _refusal(ref: Ref, problems: "tuple[Problem, ...] | list[Problem]") -> str:
    told = "; ".join(_told(ref, problems)) or "it cannot be read"
    return f"Validating *v1.{ref.kind} failed: {told}"


def _told(ref: Ref, problems: "tuple[Problem, ...] | list[Problem]") -> Iterator[str]:
    """Each problem in words; of the object itself without its name, which whoever asks knows."""
    for one in problems:
        text = f"{one.where}: {one.text}" if one.where else one.text
        text += f" {one.mend}" if one.mend else ""
        yield text if one.ref == ref else f"{one.ref} {text}"
