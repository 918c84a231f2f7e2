"""What only a clock and a memory can tell of certificates: which have expired, and what was served before a bad one.

A key pair that cannot be served, or only now no more, is replaced by the last good one of the same Secret, if that was
seen since the start: a rotation that went wrong breaks nothing. So are credentials in one of Gloo's formats that are
not as that format is. It is in memory only. That, and what has expired, is marked (`gatewayapi.tls.flaws`), so that
statuses tell it. A clock may be set meanwhile, to and fro: what counts is what it says now.
"""

import heapq
import math
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from daemun.api.core import ConfigMap, Secret
from daemun.base.names import Ref
from daemun.gatewayapi.tls.cacerts import KEY as AUTHORITIES
from daemun.gatewayapi.tls.cacerts import REVOKED
from daemun.gatewayapi.tls.certificates import CERTIFICATE, PRIVATE_KEY, STAPLE, fault
from daemun.gatewayapi.tls.flaws import FlawedConfigMap, FlawedSecret
from daemun.gloo.secrets.formats import FORMAT, broken, of_a_format

Object = tuple[Ref, object | None]
_EACH = 8
"""Moments that an object has at most: when each of four values begins and ends to be good."""
_SPARE = 100
_LOOK = 60.0
"""Seconds between two looks at the clock, which may be set at any time."""


class _Span(NamedTuple):
    """From when to when something is good, in seconds since 1970."""

    begins: float
    ends: float

    def fault(self, now: float) -> str:
        if now < self.begins:
            return f"is not valid before {_told(self.begins)}"
        return f"has expired on {_told(self.ends)}" if now >= self.ends else ""


class Keeping:
    """Objects in, and out as they count now. `due` says when time changes that, and `aged` which to take in again."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._good: dict[Ref, Secret] = {}
        self._formed: dict[Ref, Secret] = {}
        self._written: dict[Ref, Secret | ConfigMap] = {}
        self._moments: dict[Ref, tuple[float, ...]] = {}
        self._changes: list[tuple[float, Ref]] = []  # those of the moments that are to come
        self._latest = -math.inf  # what the clock said at most since it was last looked at

    def take(self, objects: Iterable[Object]) -> list[Object]:
        """Objects as they are written (None: gone)."""
        self._latest = max(self._latest, self._now())
        return [(ref, self._take(ref, one)) for ref, one in objects]

    @property
    def due(self) -> float | None:
        """In how many seconds something may expire, or be valid at last; None: never."""
        if not self._moments:
            return None
        return min(max(self._changes[0][0] - self._now(), 0.0), _LOOK) if self._changes else _LOOK

    def aged(self) -> list[Object]:
        """The objects, as they are written, that may count otherwise than before because of the time alone."""
        passed: dict[Ref, None] = {}
        now, before = self._now(), self._latest
        self._latest = now
        if now < before:
            passed = {ref: None for ref, some in self._moments.items() if any(now < one <= before for one in some)}
            self._plan(now)
        while self._changes and self._changes[0][0] <= now:
            passed[heapq.heappop(self._changes)[1]] = None
        return [(ref, self._written[ref]) for ref in passed if ref in self._written]

    def _take(self, ref: Ref, one: object | None) -> object | None:
        if not isinstance(one, Secret | ConfigMap):
            self._forget(ref)
            self._good.pop(ref, None)
            self._formed.pop(ref, None)
            return one
        if isinstance(one, Secret):
            one = self._as_formed(ref, one)
        spans = dict(_spans(one))
        if not spans and ref not in self._good:
            self._forget(ref)
            return one
        self._written[ref] = one
        self._note(ref, {moment for span in spans.values() for moment in span})
        return self._judged(ref, one)

    def _as_formed(self, ref: Ref, one: Secret) -> Secret:
        """The Secret, or the last one that was as its format is."""
        if of_a_format(one):
            self._formed[ref] = one
        elif (before := self._formed.get(ref)) is not None:
            why = broken(one, before)
            if why:
                flaws = {FORMAT: f"{why}, so the one before it counts"}
                return FlawedSecret(one.metadata, before.data, before.string_data, before.type, flaws)
            del self._formed[ref]
        return one

    def _note(self, ref: Ref, moments: set[float]) -> None:
        """When an object counts otherwise. Moments of what was there before are left until there are too many."""
        now, known = self._now(), self._moments.get(ref, ())
        self._moments[ref] = tuple(moment for moment in moments if math.isfinite(moment))
        for moment in self._moments[ref]:
            if now < moment and moment not in known:
                heapq.heappush(self._changes, (moment, ref))
        if len(self._changes) > _SPARE + 2 * _EACH * len(self._moments):
            self._plan(now)

    def _plan(self, now: float) -> None:
        self._changes = [(moment, ref) for ref, some in self._moments.items() for moment in some if now < moment]
        heapq.heapify(self._changes)

    def _forget(self, ref: Ref) -> None:
        self._written.pop(ref, None)
        self._moments.pop(ref, None)

    def _judged(self, ref: Ref, one: Secret | ConfigMap) -> Secret | ConfigMap:
        now = self._now()
        flaws = {key: text for key, span in _spans(one) if (text := span.fault(now))}
        if isinstance(one, ConfigMap):
            return FlawedConfigMap(one.metadata, one.data, one.binary_data, flaws) if flaws else one
        values = {key: one.get(key) or b"" for key in (*one.data, *one.string_data)}
        bad = fault(one) if CERTIFICATE in values or PRIVATE_KEY in values or ref in self._good else None
        why = f"cannot be served ({bad})" if bad else flaws.get(CERTIFICATE, "")
        before = self._good.get(ref)
        if not why:
            if CERTIFICATE in values:
                self._good[ref] = one
        elif before is not None and before != one and (bad or not _faded(before, now)):
            flaws[CERTIFICATE] = f"{why}, so the one before it is served on"
            for key in (CERTIFICATE, PRIVATE_KEY, STAPLE):
                values.pop(key, None)
                if (old := before.get(key)) is not None:
                    values[key] = old
        elif bad:
            return one
        return FlawedSecret(one.metadata, values, {}, one.type, flaws) if flaws else one


def _faded(secret: Secret, now: float) -> bool:
    return any(span.fault(now) for key, span in _spans(secret) if key == CERTIFICATE)


def _spans(one: Secret | ConfigMap) -> Iterator[tuple[str, _Span]]:
    """When the values of an object are good, as far as they can be read.

    Of several lists one of each authority must be in time; of authorities one is enough, for that of before may stay
    beside the next.
    """
    # Loaded with the first certificate: a gateway without TLS does without 9 MB of cryptography.
    for key, read in ((CERTIFICATE, _certificate), (AUTHORITIES, _authorities), (REVOKED, _lists), (STAPLE, _staple)):
        value = one.get(key)
        if value and (key in {AUTHORITIES, REVOKED} or isinstance(one, Secret)):
            try:
                spans = list(read(value))
            except ValueError:
                continue
            if not spans:
                continue
            begins, ends = (min, max) if key == AUTHORITIES else (max, min)
            yield key, _Span(begins(span.begins for span in spans), ends(span.ends for span in spans))


def _certificate(pem: bytes) -> Iterator[_Span]:
    from cryptography import x509

    leaf = x509.load_pem_x509_certificates(pem)[0]
    yield _span(leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _authorities(pem: bytes) -> Iterator[_Span]:
    from cryptography import x509

    for one in x509.load_pem_x509_certificates(pem):
        yield _span(one.not_valid_before_utc, one.not_valid_after_utc)


def _lists(pem: bytes) -> Iterator[_Span]:
    from daemun.gatewayapi.tls.cacerts import lists

    found: dict[object, list[_Span]] = {}
    for one in lists(pem):
        found.setdefault(one.issuer, []).append(_span(one.last_update_utc, one.next_update_utc))
    for spans in found.values():
        yield _Span(min(span.begins for span in spans), max(span.ends for span in spans))


def _staple(der: bytes) -> Iterator[_Span]:
    from cryptography.x509 import ocsp

    for one in ocsp.load_der_ocsp_response(der).responses:
        yield _span(one.this_update_utc, one.next_update_utc)


def _span(begins: datetime, ends: datetime | None) -> _Span:
    return _Span(begins.timestamp(), ends.timestamp() if ends else float("inf"))


def _told(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
