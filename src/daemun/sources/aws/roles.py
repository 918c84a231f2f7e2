"""Who signs: some credentials, or a role that they take on, once for all questions (STS, AssumeRole)."""

import asyncio
import datetime

from daemun.sources.aws.query import Element, Service
from daemun.sources.registries.registry import RegistryError
from daemun.sources.signatures import Credentials

STS = "2011-06-15"
"""The version of its API."""
_EARLY = datetime.timedelta(minutes=5)
"""A role is taken on again that long before its time is over."""
_ENDED = frozenset(
    (
        *("ExpiredToken", "RequestExpired", "ExpiredTokenException", "InvalidClientTokenId", "AuthFailure"),
        *("UnrecognizedClientException", "InvalidSignatureException"),
    )
)


class Signer:
    """`tokens` is asked for the role; without `role_arn` the credentials sign themselves."""

    def __init__(self, credentials: Credentials, role_arn: str, tokens: Service) -> None:
        self._credentials, self._role_arn, self._tokens = credentials, role_arn, tokens
        self._role: tuple[Credentials, datetime.datetime] | None = None
        self._taking_on = asyncio.Lock()

    async def current(self) -> Credentials:
        """Who signs now. Raises RegistryError."""
        if not self._role_arn:
            return self._credentials
        async with self._taking_on:
            now = datetime.datetime.now(datetime.UTC)
            if self._role is None or now >= self._role[1] - _EARLY:
                params = {"RoleArn": self._role_arn, "RoleSessionName": "daemun"}
                answer = await self._tokens.ask(self._credentials, "AssumeRole", params)
                self._role = _granted(answer)
            return self._role[0]

    def refused(self, code: str) -> bool:
        """AWS has refused with this code. Whether it is worth another attempt: then the role is taken on anew."""
        if self._role is None or code not in _ENDED:
            return False
        self._role = None
        return True


def _granted(answer: Element) -> tuple[Credentials, datetime.datetime]:
    for found in answer.all("AssumeRoleResult", "Credentials"):
        try:
            until = datetime.datetime.fromisoformat(found.text("Expiration"))
        except ValueError:
            break
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        return Credentials(*(found.text(name) for name in names)), until
    raise RegistryError("what AWS's sts says of the role cannot be read")
