"""Which checker is made for which kind of check. A new kind is a file and a line in `MAKERS`."""

from collections.abc import Callable, Mapping
from typing import Any

from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.checks.api_key import ApiKeys
from daemun.extauth.checks.broken import BrokenCheck
from daemun.ir.auth import AnyCheck
from daemun.ir.auth.checks import ApiKeyAuth, Broken

Maker = Callable[[Any, Place, Tools], Checker]
"""Makes a checker for a check, within the event loop. What it raises closes the chain."""

MAKERS: Mapping[type[AnyCheck], Maker] = {
    ApiKeyAuth: ApiKeys,
    Broken: BrokenCheck,
}


def made(check: AnyCheck, place: Place, tools: Tools) -> Checker:
    """The checker of a check."""
    maker = MAKERS.get(type(check))
    return BrokenCheck.because("this server cannot do it") if maker is None else maker(check, place, tools)
