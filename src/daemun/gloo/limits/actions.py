"""Gloo's actions: what of a request becomes its descriptors, and which of them Envoy could not take."""

from collections.abc import Iterable, Iterator

import re2

from daemun.api.gloo.ratelimit import (
    GenericKeyAction,
    MetadataKey,
    RateLimitAction,
    RateLimitActions,
    RateLimitHeaderMatcher,
)
from daemun.gatewayapi.findings import Finding
from daemun.gloo.limits.limited import Rate
from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE
from daemun.ir.quotas import SET

_QUIET = re2.Options()
_QUIET.log_errors = False
_SET = RateLimitAction(generic_key=GenericKeyAction(SET[1]))
_INVALID = "Invalid"
_MOST = 2**63 - 1


def named(root: str) -> RateLimitAction:
    """The entry that tells limits of one object apart from all others."""
    return RateLimitAction(generic_key=GenericKeyAction(root))


def rates(limits: Iterable[RateLimitActions], root: str = "") -> Iterator[Rate]:
    """The descriptors that actions ask for. With a `root` they are those of one object."""
    own = (named(root),) if root else ()
    for one in limits:
        override = one.limit.dynamic_metadata.metadata_key if one.limit and one.limit.dynamic_metadata else None
        if one.actions:
            yield Rate((*own, *one.actions), limit=override)
        if one.set_actions:
            yield Rate((_SET, *own, *one.set_actions), loose=True, limit=override)


def faults(limits: Iterable[RateLimitActions], where: str) -> Iterator[Finding]:
    """What is wrong with actions."""
    for index, one in enumerate(limits):
        at = f"{where}[{index}]"
        if not one.actions and not one.set_actions:
            yield Finding(_INVALID, at, "has no actions, so that nothing is limited", "Write actions or setActions.")
        for field, actions in (("actions", one.actions), ("setActions", one.set_actions)):
            for nth, action in enumerate(actions):
                yield from _action(action, f"{at}.{field}[{nth}]")
        if one.limit is not None:
            override = one.limit.dynamic_metadata
            yield from _metadata(override.metadata_key if override else None, f"{at}.limit.dynamicMetadata")


def _action(one: RateLimitAction, where: str) -> Iterator[Finding]:
    if one.request_headers is not None:
        at = f"{where}.requestHeaders"
        yield from _said(one.request_headers.header_name, f"{at}.headerName")
        yield from _said(one.request_headers.descriptor_key, f"{at}.descriptorKey")
    elif one.generic_key is not None:
        at = f"{where}.genericKey.descriptorValue"
        yield from _said(one.generic_key.descriptor_value, at)
        if one.generic_key.descriptor_value == SET[1]:
            yield Finding(_INVALID, at, "is the mark of setActions", "Write setActions, or choose another value.")
    elif one.header_value_match is not None:
        at = f"{where}.headerValueMatch"
        yield from _said(one.header_value_match.descriptor_value, f"{at}.descriptorValue")
        if not one.header_value_match.headers:
            yield Finding(_INVALID, f"{at}.headers", "is empty", "Say which headers must match.")
        for index, header in enumerate(one.header_value_match.headers):
            yield from _header(header, f"{at}.headers[{index}]")
    elif one.metadata is not None:
        at = f"{where}.metadata"
        yield from _said(one.metadata.descriptor_key, f"{at}.descriptorKey")
        yield from _metadata(one.metadata.metadata_key, at)
    elif all(getattr(one, field) is None for field in ("source_cluster", "destination_cluster", "remote_address")):
        yield Finding(_INVALID, where, "says nothing", "Write genericKey, remoteAddress or another action.")


def _header(one: RateLimitHeaderMatcher, where: str) -> Iterator[Finding]:
    yield from _said(one.name, f"{where}.name")
    if one.range_match is not None and max(abs(int(one.range_match.start)), abs(int(one.range_match.end))) > _MOST:
        yield Finding(_INVALID, f"{where}.rangeMatch", "has a number of more than 64 bits", "Use a smaller one.")
    if one.regex_match is None:
        return
    try:
        fine = re2.compile(one.regex_match, _QUIET).programsize <= RE2_MAX_PROGRAM_SIZE
    except (re2.error, UnicodeError, ValueError):
        fine = False
    if not fine:
        yield Finding(_INVALID, f"{where}.regexMatch", "is not an RE2 expression, or too large a one", "Mend it.")


def _metadata(key: MetadataKey | None, where: str) -> Iterator[Finding]:
    at = f"{where}.metadataKey"
    if key is None:
        yield Finding(_INVALID, at, "is missing", "Say where in the metadata the value is.")
        return
    yield from _said(key.key, f"{at}.key")
    if not key.path or not all(one.key for one in key.path):
        yield Finding(_INVALID, f"{at}.path", "does not lead to a value", "Name each step, as - key: NAME.")


def _said(value: str, where: str) -> Iterator[Finding]:
    if not value:
        yield Finding(_INVALID, where, "is empty", "Say it.")
