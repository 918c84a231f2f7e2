"""Which checker is made for which kind of check. A new kind is a file and a line in `MAKERS`."""

from collections.abc import Callable, Mapping
from typing import Any

from daemun.extauth.checker import Checker, Place, Tools
from daemun.extauth.checks.api_key import ApiKeys
from daemun.extauth.checks.basic import BasicPasswords
from daemun.extauth.checks.broken import BrokenCheck
from daemun.extauth.checks.directory import Directory
from daemun.extauth.checks.opa import OpaDecisions
from daemun.extauth.checks.opa_modules import RegoModules
from daemun.extauth.checks.passed_grpc import GrpcServer
from daemun.extauth.checks.passed_http import HttpServer
from daemun.extauth.checks.plugin import plugin
from daemun.extauth.checks.signed import Signatures
from daemun.extauth.checks.verified import VerifiedTokens
from daemun.extauth.oauth.bearer import IntrospectionCheck, SignedTokenCheck
from daemun.extauth.oauth.browser import BrowserCheck
from daemun.ir.auth import AnyCheck, oauth
from daemun.ir.auth import checks as ir

Maker = Callable[[Any, Place, Tools], Checker]
"""Makes a checker for a check, within the event loop. What it raises closes the chain."""

MAKERS: Mapping[type[AnyCheck], Maker] = {
    ir.BasicAuth: BasicPasswords,
    ir.ApiKeyAuth: ApiKeys,
    ir.HmacAuth: Signatures,
    ir.Verified: VerifiedTokens,
    ir.LdapAuth: Directory,
    ir.OpaServer: OpaDecisions,
    ir.OpaModules: RegoModules,
    ir.PassThroughGrpc: GrpcServer,
    ir.PassThroughHttp: HttpServer,
    ir.PluginAuth: plugin,
    oauth.AuthorizationCode: BrowserCheck,
    oauth.PlainOAuth: BrowserCheck,
    oauth.Introspection: IntrospectionCheck,
    oauth.SignedToken: SignedTokenCheck,
    ir.Broken: BrokenCheck,
}


def made(check: AnyCheck, place: Place, tools: Tools) -> Checker:
    """The checker of a check."""
    maker = MAKERS.get(type(check))
    return BrokenCheck.because("this server cannot do it") if maker is None else maker(check, place, tools)
