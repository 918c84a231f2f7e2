"""Signed questions to AWS's services of the Query protocol (EC2, STS), and their answers in XML.

(botocore would do it, at 30 MB and without asyncio; it is the oracle of the tests.)
"""

import datetime
import os
from collections.abc import Iterator, Mapping
from typing import Self
from urllib.parse import urlencode, urlsplit
from xml.etree import ElementTree

from daemun.fetch.client import Fetcher, FetchError
from daemun.sources.registries.registry import RegistryError
from daemun.sources.signatures import Credentials, signed

_FORM = "application/x-www-form-urlencoded; charset=utf-8"
_BUSY = frozenset(("RequestLimitExceeded", "Throttling", "ThrottlingException", "EC2ThrottledException"))
BUSY_SECONDS = 5.0


class AwsError(RegistryError):
    """AWS refuses, with this code."""

    def __init__(self, code: str, text: str, after: float = 0.0) -> None:
        super().__init__(text, "" if after else "See what the credentials may do.", after)
        self.code = code


class Element:
    """An element of an answer, without namespaces."""

    def __init__(self, node: ElementTree.Element) -> None:
        self._node = node

    @classmethod
    def parsed(cls, body: bytes) -> Self:
        """A document. Raises ValueError for what is none, or declares types, which AWS does not."""
        if b"<!" in body:
            raise ValueError("declarations")
        try:
            return cls(ElementTree.fromstring(body))  # noqa: S314 - without declarations there are no entities
        except ElementTree.ParseError:
            raise ValueError("no XML") from None

    @property
    def name(self) -> str:
        """What it is called."""
        return self._node.tag.rpartition("}")[2]

    def all(self, *path: str) -> Iterator["Element"]:
        """The elements at a path, in order."""
        for node in self._node:
            if (one := type(self)(node)).name == path[0]:
                if len(path) == 1:
                    yield one
                else:
                    yield from one.all(*path[1:])

    def text(self, *path: str) -> str:
        """What stands at a path; empty if nothing does."""
        return next((one._node.text or "" for one in self.all(*path)), "").strip()  # noqa: SLF001 - of its own class


class Service:
    """One service in one region: at its usual address, or where AWS_ENDPOINT_URL… says, as AWS's own tools do."""

    def __init__(self, name: str, region: str, version: str, fetcher: Fetcher) -> None:
        self._name, self._region, self._version, self._fetcher = name, region, version, fetcher
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        told = os.environ.get(f"AWS_ENDPOINT_URL_{name.upper()}") or os.environ.get("AWS_ENDPOINT_URL")
        self._url = (told or f"https://{name}.{region}.{domain}").rstrip("/") + "/"

    async def ask(self, credentials: Credentials | None, action: str, params: Mapping[str, str]) -> Element:
        """The answer to an action, signed unless what is asked proves itself. Raises RegistryError, AwsError if AWS
        says no.
        """
        body = urlencode({"Action": action, "Version": self._version, **params}).encode()
        now = datetime.datetime.now(datetime.UTC)
        headers = {"Host": urlsplit(self._url).netloc, "Content-Type": _FORM}
        if credentials is not None:
            headers = signed(credentials, self._name, self._region, now, headers, body)
        try:
            answer = await self._fetcher.send("POST", self._url, body, headers)
        except FetchError as error:
            raise RegistryError(f"AWS's {self._name} does not answer: {error}") from None
        try:
            found = Element.parsed(answer.body)
        except ValueError:
            raise RegistryError(f"what answers at {self._url} with {answer.status} is not AWS's {self._name}") from None
        if answer.status != 200:
            raise _refusal(self._name, action, found)
        return found


def _refusal(service: str, action: str, answer: Element) -> AwsError:
    """EC2 has its errors in a list, STS has one. Its message may hold what was asked, so the code alone is told."""
    code = answer.text("Errors", "Error", "Code") or answer.text("Error", "Code") or "without a code"
    after = BUSY_SECONDS if code in _BUSY else 0.0
    return AwsError(code, f"AWS's {service} refuses {action}: {code}", after)
