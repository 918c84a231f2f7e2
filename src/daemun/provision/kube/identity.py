"""Who a proxy is: the ServiceAccount whose token it presents, as the API server confirms. What it calls itself is not
asked. While the API server is away, a token that it issued is good for as long as it says (issuer.py)."""

import asyncio
import base64
import binascii
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256

import msgspec

from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.errors import ApiError, KubeError, UnreachableError
from daemun.provision.kube.issuer import Known
from daemun.provision.kube.issuer import account as issued_to
from daemun.provision.kube.settings import AUDIENCE

HEADER = "authorization"
_SCHEME = "bearer "
_REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"
_ACCOUNT = "system:serviceaccount:"
_LONGEST_TOKEN = 16 * 1024
_GOOD_SECONDS = 300.0
"""How long a token is believed at most: the API server may have revoked it, because its pod is gone."""
_BAD_SECONDS = 10.0
_UNREVIEWED_SECONDS = 10.0
"""The same of one that the API server could not be asked about."""
_EXPIRY_MARGIN = 30.0
_REMEMBERED = 4096
_AT_ONCE = 8
_WAITING = 512
"""How many tokens may wait to be reviewed. Who presents more of them is sent away."""

Find = Callable[[Name], str | None]
"""The proxy that runs as a ServiceAccount."""


class _User(msgspec.Struct, frozen=True):
    username: str = ""


class _Answer(msgspec.Struct, frozen=True):
    authenticated: bool = False
    audiences: tuple[str, ...] | None = None
    user: _User = _User()


class _Review(msgspec.Struct, frozen=True):
    status: _Answer = _Answer()


class _Claims(msgspec.Struct, frozen=True):
    exp: float = 0.0


class Identities:
    """Tells which proxy a stream is, by the token in its metadata.

    `clock` is in seconds since 1970, as tokens say when they end; `ticks` are seconds that pass whatever that is set
    to, for how long an answer is remembered.
    """

    def __init__(
        self,
        client: KubeClient,
        find: Find,
        clock: Callable[[], float] = time.time,
        issuer: Callable[[], Known | None] = lambda: None,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._find = find
        self._issuer = issuer
        self._clock, self._ticks = clock, ticks
        self._known: OrderedDict[bytes, tuple[Name | None, float, float]] = OrderedDict()
        self._asked: dict[bytes, asyncio.Task[Name | None]] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def authenticate(self, metadata: Mapping[str, str]) -> str | None:
        """The proxy, or None. OSError if the API server does not answer, or if too many ask at once."""
        value = metadata.get(HEADER, "")
        token = value[len(_SCHEME) :]
        if value[: len(_SCHEME)].lower() != _SCHEME or not 0 < len(token) <= _LONGEST_TOKEN:
            return None
        account = await self._account(token)
        return None if account is None else self._find(account)

    async def _account(self, token: str) -> Name | None:
        key = sha256(token.encode()).digest()
        known = self._known.get(key)
        if known is not None and self._ticks() < known[1] and self._clock() < known[2]:
            return known[0]
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= _WAITING:
                raise ConnectionError("too many tokens are waiting to be reviewed")
            task = self._asked[key] = asyncio.create_task(self._review(token, key))
            task.add_done_callback(lambda _: self._asked.pop(key, None))
        return await asyncio.shield(task)  # others may wait for the same answer

    async def _review(self, token: str, key: bytes) -> Name | None:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [AUDIENCE]},
        }
        try:
            async with self._slots:
                answer = await self._client.request("POST", _REVIEWS, body=body)
            account, good = _service_account(msgspec.json.decode(answer, type=_Review).status), _GOOD_SECONDS
        except (KubeError, msgspec.MsgspecError) as error:
            issuer = self._issuer() if _away(error) else None
            if issuer is None:
                raise ConnectionError(f"the token cannot be reviewed: {error}") from error
            account, good = issued_to(issuer, token, self._clock()), _UNREVIEWED_SECONDS
        ends = math.inf if account is None else _expiry(token) - _EXPIRY_MARGIN
        self._known[key] = (account, self._ticks() + (_BAD_SECONDS if account is None else good), ends)
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return account


def _away(error: Exception) -> bool:
    """Whether the API server could not be asked. What it refuses stays refused."""
    return isinstance(error, UnreachableError) or (isinstance(error, ApiError) and error.status >= 500)


def _service_account(status: _Answer) -> Name | None:
    """The account of a good token. One that was not made for us opens nothing, however good it is elsewhere."""
    if not status.authenticated or AUDIENCE not in (status.audiences or ()):
        return None
    name = status.user.username
    if not name.startswith(_ACCOUNT):
        return None
    namespace, _, account = name.removeprefix(_ACCOUNT).partition(":")
    return Name(namespace, account)


def _expiry(token: str) -> float:
    """When a token that was confirmed ends; long ago if it does not say."""
    try:
        claims = token.split(".")[1]
        text = base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))
        return msgspec.json.decode(text, type=_Claims).exp
    except (IndexError, binascii.Error, msgspec.MsgspecError):
        return 0.0
