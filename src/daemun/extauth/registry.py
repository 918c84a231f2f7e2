"""Which checker is made for which kind of check. A new kind is a file and a line in `MAKERS`."""

from collections.abc import Callable, Mapping
from typing import Any

from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.checks.api_key import ApiKeys
from daemun.extauth.checks.broken import BrokenCheck
from daemun.extauth.oauth.bearer import IntrospectionCheck, SignedTokenCheck
from daemun.extauth.oauth.browser import BrowserCheck
from daemun.ir.auth import AnyCheck
from daemun.ir.auth.checks import ApiKeyAuth, Broken
from daemun.ir.auth.oauth import AuthorizationCode, Introspection, PlainOAuth, SignedToken

Maker = Callable[[Any, Place, Tools], Checker]
"""Makes a checker for a check, within the event loop. What it raises closes the chain."""

MAKERS: Mapping[type[AnyCheck], Maker] = {
    ApiKeyAuth: ApiKeys,
    AuthorizationCode: BrowserCheck,
    Broken: BrokenCheck,
    Introspection: IntrospectionCheck,
    PlainOAuth: BrowserCheck,
    SignedToken: SignedTokenCheck,
}


def made(check: AnyCheck, place: Place, tools: Tools) -> Checker:
    """The checker of a check."""
    maker = MAKERS.get(type(check))
    return BrokenCheck.because("this server cannot do it") if maker is None else maker(check, place, tools)
