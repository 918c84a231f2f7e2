"""Envoy's own words, without the message that they are about.

Envoy prints a message that is not valid before it says why, with or without a mark. It may be a whole
RouteConfiguration, with other people's routes. After 4 KB Envoy is silent, and the reason is in its log alone.
"""

import re

_INVALID = "Proto constraint validation failed ("
_ABOUT = re.compile(r"Error adding/updating [a-z]+\(s\) \S+: ")
_MARK = re.compile(r"goo\.gle/debug\S*\s+")
_CUT = "(truncated)"
_LOST = "it is not valid, and too large for Envoy to say why; the log of the proxy says it"
_LONGEST = 1000
_IN_USE = "Address already in use"
_HAS_ITSELF = "has duplicate address"


def in_use(text: str) -> bool:
    """Whether Envoy could not have a port because somebody else has it."""
    return _IN_USE in text


def has_itself(text: str) -> bool:
    """Whether Envoy could not have a port for what it was to become, because it has it for what it is."""
    return _HAS_ITSELF in text


def reason(text: str) -> str:
    """Why Envoy rejected something, fit to be told to whoever wrote it."""
    _, invalid, why = text.rpartition(_INVALID)
    if text.endswith(_CUT):
        invalid, why = _LOST, ""
    if invalid:
        about = _ABOUT.match(text)
        text = (about.group() if about else "") + invalid + why
    text = " ".join(_MARK.sub("", text).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
