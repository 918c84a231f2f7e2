"""Questions to a Cloud Controller (v3): with a token, page by page, and never more often than it lets us."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from daemun.base.durations import seconds_asked
from daemun.fetch.client import Answer, Fetcher, FetchError
from daemun.sources.registries.cloudfoundry.login import Login
from daemun.sources.registries.registry import RegistryError

T = TypeVar("T")

_PER_PAGE, _MOST_PAGES = 1000, 100
_AT_ONCE = 4
_QUIET_SECONDS, _LONGEST_QUIET = 30.0, 3600.0


class _Link(msgspec.Struct):
    href: str = ""


class _Links(msgspec.Struct):
    uaa: _Link | None = None
    login: _Link | None = None


class _Root(msgspec.Struct):
    links: _Links


class _Pages(msgspec.Struct):
    total_pages: int = 1


class _Page(msgspec.Struct):
    """One page of a list; what is included in it belongs to the resources of all pages."""

    resources: list[msgspec.Raw]
    pagination: _Pages = msgspec.field(default_factory=_Pages)
    included: dict[str, Any] = msgspec.field(default_factory=dict)


class Controller:
    """Asks the Cloud Controller at an address."""

    def __init__(self, api: str, fetcher: Fetcher, login: Login) -> None:
        self._api, self._fetcher, self._login = api, fetcher, login
        self._uaa = ""
        self._quiet = 0.0
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def find(self, path: str, kind: type[T], **params: str) -> T | None:
        """One thing; None if it is not there. Raises RegistryError."""
        body = await self._get(path, params)
        return None if body is None else self._read(body, kind)

    async def pages(self, path: str, kind: type[T], **params: str) -> AsyncIterator[tuple[list[T], dict[str, Any]]]:
        """A list, page by page, with what is included in each. Raises RegistryError."""
        for number in range(1, _MOST_PAGES + 1):
            body = await self._get(path, {**params, "page": str(number), "per_page": str(_PER_PAGE)})
            page = self._read(body or b"", _Page)
            yield [self._read(bytes(one), kind) for one in page.resources], page.included
            if number >= page.pagination.total_pages:
                return
        raise RegistryError(f"{path} of the Cloud Controller has more than {_MOST_PAGES} pages")

    async def all(self, path: str, kind: type[T], **params: str) -> list[T]:
        """A whole list. Raises RegistryError."""
        return [one async for found, _ in self.pages(path, kind, **params) for one in found]

    async def _get(self, path: str, params: Mapping[str, str]) -> bytes | None:
        url = f"{self._api}{path}?{urlencode(params)}" if params else f"{self._api}{path}"
        async with self._slots:
            uaa = await self._where()
            token = await self._login.token(uaa)
            answer = await self._ask(url, token)
            if answer.status == 401:
                answer = await self._ask(url, await self._login.token(uaa, instead_of=token))
        if answer.status == 404:
            return None
        if answer.status != 200:
            said = {401: "takes no token of ours", 403: "permits it not"}.get(
                answer.status, f"answers with {answer.status}"
            )
            mend = "Give the login a role in the space (of an auditor's some fields are hidden)."
            raise RegistryError(f"the Cloud Controller at {self._api} {said}", mend if answer.status == 403 else "")
        return answer.body

    async def _ask(self, url: str, token: str = "") -> Answer:
        """Ask, unless we are to be quiet: a limit is one for all that the login asks."""
        if (left := self._quiet - time.monotonic()) > 0:
            raise RegistryError(f"the Cloud Controller at {self._api} has had too many requests", after=left)
        headers = {"Accept": "application/json"} | ({"Authorization": f"bearer {token}"} if token else {})
        try:
            answer = await self._fetcher.get(url, headers)
        except FetchError as error:
            raise RegistryError(f"the Cloud Controller does not answer: {error}") from None
        if answer.status in {429, 503} and (answer.status == 429 or "retry-after" in answer.headers):
            after = _after(answer.headers)
            self._quiet = time.monotonic() + after
            raise RegistryError(f"the Cloud Controller at {self._api} has had too many requests", after=after)
        return answer

    async def _where(self) -> str:
        """Where UAA is: the controller says so. A login goes to nobody who is reached by less TLS than it."""
        if not self._uaa:
            answer = await self._ask(f"{self._api}/")
            links = self._read(answer.body, _Root).links
            link = links.uaa or links.login or _Link()
            url = urlsplit(link.href)
            if not url.hostname or url.scheme not in {"https", urlsplit(self._api).scheme}:
                raise RegistryError(f"the Cloud Controller at {self._api} does not say where its UAA is")
            self._uaa = link.href.rstrip("/")
        return self._uaa

    def _read(self, body: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.MsgspecError, RecursionError):
            raise RegistryError(f"what answers at {self._api} is not a Cloud Controller") from None


def _after(headers: Mapping[str, str]) -> float:
    """For how many seconds to be quiet: as it says, or until it counts anew (Unix time)."""
    after = seconds_asked(headers.get("retry-after", ""))
    reset = seconds_asked(headers.get("x-ratelimit-reset", ""), digits=11)
    seconds = _QUIET_SECONDS
    if after is not None:
        seconds = after
    elif reset is not None:
        seconds = reset - time.time()
    return min(max(seconds, 1.0), _LONGEST_QUIET)
