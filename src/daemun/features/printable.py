"""Text of policies that stands in a line of HTTP: a path, a host, the name or the value of a header."""

import re
from collections.abc import Iterable

from daemun.features.feature import Fault

HEADER_BYTES = 16384
"""Envoy takes no longer name or value of a header (its own bound), and prints all of what is longer but not why."""
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_BLANK = re.compile(r"[\x00-\x20\x7f]")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_COOKIE_PATH = re.compile(r"[\x00-\x1f;\x7f]")


def control_faults(text: str, where: str) -> Iterable[Fault]:
    """A control character, which would end the line."""
    if _CONTROL.search(text):
        yield where, "has a control character", "Remove it."


def length_faults(text: str, where: str) -> Iterable[Fault]:
    """More than a header may be."""
    if len(text.encode()) > HEADER_BYTES:
        yield where, f"is longer than {HEADER_BYTES} bytes", "Use less."


def path_text_faults(text: str, where: str) -> Iterable[Fault]:
    """What could not stand in a request line: a blank there ends the path."""
    if _BLANK.search(text):
        yield where, f"{text!r} has a blank or control character", "Encode it as %20 and the like."


def name_faults(name: str, where: str) -> Iterable[Fault]:
    """What no header is called."""
    if not _NAME.fullmatch(name):
        yield where, f"{name!r} is not the name of a header", ""
    else:
        yield from length_faults(name, where)


def cookie_faults(name: str, path: str, where: str) -> Iterable[Fault]:
    """A cookie that ends before its value, or its header does: Envoy writes it as it is."""
    if not name:
        yield f"{where}.name", "is missing", "Name the cookie."
    elif not _NAME.fullmatch(name):
        yield f"{where}.name", f"{name!r} is not the name of a cookie", "Use letters, digits and '-'."
    if _COOKIE_PATH.search(path):
        yield f"{where}.path", f"{path!r} is not the path of a cookie", "Use /, say."
