"""Who signs: some credentials, or a role that they take on, once for all questions (STS, AssumeRole)."""

import asyncio
import datetime
from collections.abc import Awaitable, Callable
from typing import TypeVar

from daemun.sources.aws.own import Granted, Own, granted
from daemun.sources.aws.query import AwsError, Service
from daemun.sources.signatures import Credentials

T = TypeVar("T")

STS = "2011-06-15"
"""The version of its API."""
_EARLY = datetime.timedelta(minutes=5)
"""What is only for a time is asked for again that long before it is over."""
_ENDED = frozenset(
    (
        *("ExpiredToken", "RequestExpired", "ExpiredTokenException", "InvalidClientTokenId", "AuthFailure"),
        *("UnrecognizedClientException", "InvalidSignatureException"),
    )
)


class Signer:
    """`tokens` is asked for the role; without `role_arn` the credentials sign themselves."""

    def __init__(self, credentials: Credentials | Own, role_arn: str, tokens: Service) -> None:
        self._credentials, self._role_arn, self._tokens = credentials, role_arn, tokens
        self._own: Granted | None = None
        self._role: Granted | None = None
        self._turn = asyncio.Lock()

    async def current(self) -> Credentials:
        """Who signs now. Raises RegistryError."""
        async with self._turn:
            if not self._role_arn:
                return await self._base()
            if self._role is None or _ends(self._role):
                params = {"RoleArn": self._role_arn, "RoleSessionName": "daemun"}
                answer = await self._tokens.ask(await self._base(), "AssumeRole", params)
                self._role = granted(answer, "AssumeRole")
            return self._role.credentials

    async def ask(self, once: Callable[[Credentials], Awaitable[T]]) -> T:
        """What is said to whoever signs now. Who is refused by an AwsError because his time is over is replaced, and it
        is asked once more. Raises RegistryError, and what `once` does.
        """
        try:
            return await once(await self.current())
        except AwsError as error:
            if not self._renewed(error.code):
                raise
        return await once(await self.current())

    def _renewed(self, code: str) -> bool:
        """Whether there will be others in place of whom AWS has refused with this code."""
        if code not in _ENDED or (self._role is None and self._own is None):
            return False
        self._role = self._own = None
        return True

    async def _base(self) -> Credentials:
        """Whose credentials they are."""
        if isinstance(self._credentials, Credentials):
            return self._credentials
        if self._own is None or _ends(self._own):
            self._own = await self._credentials.granted(self._tokens)
        return self._own.credentials


def _ends(one: Granted) -> bool:
    """Whether it is time for others."""
    return one.until is not None and datetime.datetime.now(datetime.UTC) >= one.until - _EARLY
