"""LDAP: a name and a password that a directory knows, and perhaps a group that the user is in."""

import asyncio

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.credentials import basic, challenge
from daemun.extauth.ldap import connection as ldap
from daemun.extauth.ldap.ber import BerError
from daemun.extauth.ldap.filters import encoded, in_name
from daemun.extauth.ldap.names import Template, comparable, one_form
from daemun.extauth.ldap.pool import Pool
from daemun.extauth.request import Request
from daemun.fetch import CrowdedError
from daemun.ir.auth.checks import LdapAuth

_SECONDS = 5.0
_UNKNOWN = Denied(401, (challenge(""),))
_NO_MEMBER = Denied(403)
_WRONG = frozenset(
    (
        ldap.INVALID_CREDENTIALS,
        ldap.NO_SUCH_OBJECT,
        ldap.INVALID_DN,
        ldap.INAPPROPRIATE_AUTHENTICATION,
        ldap.UNWILLING,
    )
)
"""Result codes of a bind that say: that is not the user's password, or there is no such user."""


class Directory(Checker):
    """The user's name stands in the name of the entry; what is special there is escaped.

    Who it is, is what the directory calls the entry, however the client has spelled it. Of one that does not say it
    all spellings are brought into one form.
    """

    def __init__(self, check: LdapAuth, place: Place, tools: Tools) -> None:
        self._namespace, self._budget = place.namespace, tools.budget
        self._check = check
        self._template = Template(check.user_dn)
        self._filter = encoded(check.search_filter)
        self._allowed = frozenset(comparable(one) for one in check.allowed)
        self._pool = Pool(tools.guard, check.address, check.pool)

    async def close(self) -> None:
        """End its connections."""
        self._pool.close()

    async def check(self, request: Request, state: State) -> Answer:
        """Whether the directory knows the user, and in which groups."""
        del state
        given = basic(request.header("authorization"))
        if given is None:
            return _UNKNOWN
        user, password = given
        entry = f"{self._template.before}{in_name(user)}{self._template.after}"
        try:
            async with asyncio.timeout(_SECONDS), self._pool.connection() as directory:
                with self._budget.share(self._namespace) as directory.share:
                    return await self._known(directory, user, entry, password)
        except TimeoutError:
            return Failed("the directory does not answer")
        except CrowdedError as error:
            return Failed(str(error))
        except BerError:
            return Failed("what the directory says is no LDAP")
        except ldap.LdapError as error:
            return Failed(f"of the directory: {error}{f' (result {error.code})' if error.code else ''}")

    async def _known(self, directory: ldap.Connection, user: str, entry: str, password: bytes) -> Answer:
        code = await directory.bind(entry, password)
        if code in _WRONG:
            return _UNKNOWN
        if code != ldap.SUCCESS:
            raise ldap.LdapError("it does not let users in", code)
        if not self._check.check_groups or not self._allowed:
            return Allowed(self._user(await directory.who(), user))
        found = await self._found(directory, entry)
        groups = [one.decode(errors="replace") for one in found.values] if found is not None else []
        if found is None or not any(comparable(one) in self._allowed for one in groups):
            return _NO_MEMBER
        return Allowed(self._user(found.name, user))

    def _user(self, entry: str, given: str) -> str:
        return self._template.user(entry) or one_form(given)

    async def _found(self, directory: ldap.Connection, entry: str) -> ldap.Entry | None:
        """The user's entry, with its groups."""
        account = self._check.groups
        if not (account.always and account.user):
            try:
                found = await directory.read(entry, self._filter, self._check.membership)
            except ldap.LdapError as error:
                if error.code != ldap.INSUFFICIENT_ACCESS or not account.user:
                    raise
                found = None
            if found is not None or not account.user:
                return found
        code = await directory.bind(account.user, account.password.encode())
        if code != ldap.SUCCESS:
            raise ldap.LdapError("it does not let the account in that looks up groups", code)
        return await directory.read(entry, self._filter, self._check.membership)
