"""Checks without a server around them."""

import base64
from collections.abc import Mapping
from typing import Any

from daemun.extauth.answers import Answer
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.registry import made
from daemun.extauth.request import Request
from daemun.fetch import Guard
from daemun.ir.auth import AnyCheck
from support.clients.asking import question

LOCAL = Guard.of("127.0.0.0/8", "::1/128")
"""Tests have their servers on loopback."""


class Clock:
    """A clock that a test turns."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def checker(check: AnyCheck, tools: Tools | None = None) -> Checker:
    """What the server makes of a check."""
    return made(check, Place("chain", "step"), tools or Tools(guard=LOCAL))


async def asked(
    one: Checker | AnyCheck, headers: Mapping[str, str] | None = None, state: State | None = None, **request: Any
) -> Answer:
    """What a check says of a request."""
    found = one if isinstance(one, Checker) else checker(one)
    return await found.check(Request(question("chain", headers or {}, **request)), state or State())


def login(user: str, password: str) -> dict[str, str]:
    """The header of Basic auth."""
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
