"""Tokens of a Cloud Foundry's UAA: how they are got, and a new one before the old one ends (RFC 6749)."""

import asyncio
import base64
import time
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote_plus, urlencode

import msgspec

from daemun.fetch.client import Fetcher, FetchError
from daemun.sources.registries.registry import ConfigError, RegistryError, Tools

_CLIENT = "cf"
"""The client of the command line tool, which every UAA has: it has no secret."""
_EARLY_SECONDS = 30.0
_REFUSED_SECONDS = 60.0
"""After a refusal nobody tries that login for so long: UAA locks accounts that are guessed at."""


class Grant(NamedTuple):
    """Who asks, as UAA is told: a client, and the fields of its request."""

    client: str
    secret: str
    form: Mapping[str, str]

    def __repr__(self) -> str:
        return f"<Grant {self.form['grant_type']}>"


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 0.0
    refresh_token: str = ""


_DECODER = msgspec.json.Decoder(_Granted)


def grant(tools: Tools) -> Grant:
    """The login that a Secret has: a user's, a refresh token, or a client's own. Raises ConfigError."""
    client, secret = tools.text("clientId", _CLIENT), tools.text("clientSecret", "")
    if user := tools.text("username", ""):
        form = {"grant_type": "password", "username": user, "password": tools.text("password")}
    elif token := tools.text("refreshToken", ""):
        form = _refresh(token)
    elif "clientId" in tools.secret:
        form = {"grant_type": "client_credentials"}
    else:
        mend = "Give clientId and clientSecret, username and password, or refreshToken."
        raise ConfigError("secretRef", "the Secret has no login for UAA", mend)
    return Grant(client, secret, form)


class Login:
    """Gets tokens of the UAA at an address that `find` tells."""

    def __init__(self, fetcher: Fetcher, first: Grant) -> None:
        self._fetcher, self._first = fetcher, first
        self._token, self._refreshing, self._end, self._again = "", "", 0.0, 0.0
        self._entering = asyncio.Lock()

    async def token(self, uaa: str, *, instead_of: str = "") -> str:
        """A token that is good for a while; another one than `instead_of`, which was refused. Raises RegistryError."""
        async with self._entering:
            if not self._token or self._token == instead_of or time.monotonic() > self._end:
                self._token = ""
                granted = await self._granted(uaa) if time.monotonic() > self._again else None
                if granted is None:
                    mend = "Give a Secret whose login is good, and allows that."
                    raise RegistryError(f"UAA at {uaa} does not let us in", mend)
                self._token, self._refreshing = granted.access_token, granted.refresh_token
                self._end = time.monotonic() + max(granted.expires_in - _EARLY_SECONDS, granted.expires_in / 2)
            return self._token

    async def _granted(self, uaa: str) -> _Granted | None:
        """By the refresh token that came with the last one, if it is good still; else as at first."""
        token, self._refreshing = self._refreshing, ""
        granted = await self._ask(uaa, _refresh(token)) if token else None
        granted = granted or await self._ask(uaa, self._first.form)
        if granted is None:
            self._again = time.monotonic() + _REFUSED_SECONDS
        return granted

    async def _ask(self, uaa: str, form: Mapping[str, str]) -> _Granted | None:
        """None: that is refused. Raises RegistryError when there is no answer."""
        pair = base64.b64encode(f"{quote_plus(self._first.client)}:{quote_plus(self._first.secret)}".encode()).decode()
        headers = {
            "Authorization": f"Basic {pair}",
            "Accept": "application/json",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        try:
            answer = await self._fetcher.send("POST", f"{uaa}/oauth/token", urlencode(form).encode(), headers)
        except FetchError as error:
            raise RegistryError(f"UAA does not answer: {error}") from None
        if answer.status in {400, 401, 403}:
            return None
        try:
            if answer.status == 200:
                return _DECODER.decode(answer.body)
        except (msgspec.MsgspecError, RecursionError):
            raise RegistryError(f"what answers at {uaa} is not UAA") from None
        raise RegistryError(f"UAA at {uaa} answers with {answer.status}")


def _refresh(token: str) -> dict[str, str]:
    return {"grant_type": "refresh_token", "refresh_token": token}
