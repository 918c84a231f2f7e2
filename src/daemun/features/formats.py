"""Envoy's formats: text with variables such as `%REQ(:PATH)%`, in headers and access logs."""

import re
from collections.abc import Iterable
from typing import Any

from daemun.features.feature import Fault

_VARIABLES = re.compile(r"%%|%[A-Z][A-Z0-9_]*(\([^%]*\))?(:[0-9]+)?%")


def format_faults(text: str, where: str) -> Iterable[Fault]:
    """A '%' that begins no variable: Envoy refuses it."""
    if "%" in _VARIABLES.sub("", text):
        yield where, "has a '%' that begins no variable of Envoy's", "Write '%%' for the character."


def nested_faults(value: Any, where: str) -> Iterable[Fault]:
    """The same of every text within a JSON value."""
    if isinstance(value, str):
        yield from format_faults(value, where)
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from nested_faults(inner, f"{where}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from nested_faults(inner, f"{where}[{index}]")
