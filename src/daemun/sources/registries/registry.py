"""What a registry is to whoever follows it. A plug-in is a class like this, in a file (docs/registries/plugins.md)."""

import re
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, ClassVar, TypeAlias, TypeVar
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import msgspec

from daemun.base.guard import Guard
from daemun.fetch.client import MAX_BYTES, MAX_SECONDS, Fetcher
from daemun.gatewayapi.findings import Finding
from daemun.ir.instances import Catalogue, Instances, Lookup
from daemun.sources.tlsfiles import TlsFiles

T = TypeVar("T")
Shared: TypeAlias = WeakValueDictionary[tuple[object, ...], Any]
"""What registries have in common, while one of them has it."""
AUTHORITIES = "ca.crt"
_HOST = re.compile(r"[\w.:-]+")


class RegistryError(Exception):
    """A registry does not give what it is asked for. `text` never says what lets somebody in.

    `after`: seconds in which not to ask again.
    """

    def __init__(self, text: str, mend: str = "", after: float = 0.0) -> None:
        super().__init__(text)
        self.text, self.mend, self.after = text, mend, after


class ConfigError(Exception):
    """A registry cannot be opened as it is configured. `where` is the field below `spec`."""

    def __init__(self, where: str, text: str, mend: str = "") -> None:
        super().__init__(text)
        self.where, self.text, self.mend = where, text, mend

    def finding(self, where: str = "") -> Finding:
        """The same, as it is told of a Registry, or of a field `where` that configures this one."""
        return Finding("Invalid", where or f"spec.{self.where}", self.text, self.mend)


class Config(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """The base of what plug-ins have to know: `spec.config` of a Registry. Its types say what may stand there."""


def checked(where: str, address: str, example: str) -> str:
    """The address of a server of http or https, as it is put before a path. Raises ConfigError for what is none."""
    try:
        url = urlsplit(address)
        good = url.scheme in {"http", "https"} and bool(_HOST.fullmatch(url.hostname or "")) and url.port != 0
    except ValueError:
        good = False
    if not good or url.username is not None or url.path.strip("/") or url.query or url.fragment:
        raise ConfigError(where, f"{address[:80]!r} is no address", f"Write it as {example}.")
    return address.rstrip("/")


class Tools:
    """What plug-ins are given beside their configuration. `secret` is what the Secret of the Registry holds. Where it
    holds nothing, and they are `lent`, Daemun's own credentials may be used.
    """

    def __init__(
        self,
        secret: Mapping[str, bytes] | None = None,
        guard: Guard | None = None,
        shared: Shared | None = None,
        *,
        lent: bool = False,
    ) -> None:
        self.lent = lent
        self.secret: Mapping[str, bytes] = secret or {}
        self.guard = guard or Guard.of("0.0.0.0/0", "::/0")
        self._shared = WeakValueDictionary() if shared is None else shared

    def shared(self, kind: type[T], key: tuple[object, ...], make: Callable[[], T]) -> T:
        """What registries have in common that ask for one of this kind by the same key; the first of them makes it."""
        found = self._shared.get((kind, *key))
        if not isinstance(found, kind):
            found = self._shared[kind, *key] = make()
        return found

    def text(self, key: str, default: str | None = None) -> str:
        """What the Secret has under a key, as a line of text. Raises ConfigError if it has none, and none will do."""
        held = self.secret.get(key)
        if held is None:
            if default is not None:
                return default
            raise ConfigError("secretRef", f"the Secret has no {key}", "Give it one.")
        try:
            found = held.decode().strip()
        except UnicodeDecodeError:
            raise ConfigError("secretRef", f"{key} of the Secret is no text") from None
        if any(one in found for one in "\r\n\0"):
            raise ConfigError("secretRef", f"{key} of the Secret is not one line")
        return found

    def trust(self, *, insecure: bool = False) -> TlsFiles:
        """Whom connections trust: the Secret's `ca.crt`, else the system's authorities; anybody, if that is wished.
        Raises ConfigError.
        """
        try:
            found = TlsFiles(insecure=insecure, pem=self.secret.get(AUTHORITIES, b"").decode())
            found.context()
        except (ssl.SSLError, ValueError):
            raise ConfigError("secretRef", f"{AUTHORITIES} of the Secret has no certificates in PEM") from None
        return found

    def tls(self, *, insecure: bool = False) -> ssl.SSLContext:
        """The same, as connections are made with it."""
        return self.trust(insecure=insecure).context()

    def fetcher(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        seconds: float = MAX_SECONDS,
        most: int = 16 * MAX_BYTES,
        connections: int = 0,
    ) -> Fetcher:
        """A client for HTTP that asks at addresses only that this registry may be at; `close` it with the registry.

        `seconds` are a request's, all in all, `most` an answer's bytes, `connections` those to one host (0: any).
        """
        return Fetcher(self.guard, tls=tls, seconds=seconds, most=most, connections=connections)


class Registry(ABC):
    """Follows services. It is made once for all lookups, whenever its configuration is new; nothing is asked then.

    What `Config` is made of is checked before; `check` says what its types cannot. Raise ConfigError for the rest.
    """

    Config: ClassVar[type[msgspec.Struct]]

    @abstractmethod
    def __init__(self, config: Any, tools: Tools) -> None: ...

    @classmethod  # noqa: B027 - types may say it all
    def check(cls, config: Any) -> None:
        """What is wrong with a configuration that the types of `Config` let pass, for whoever looks at manifests:
        nothing is opened, there is no Secret, and the machine is any. Raises ConfigError.
        """

    @abstractmethod
    def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances of a service, now and after every change, until it is closed.

        Those that do not take requests are left out; none at all is an answer, and is believed. Raises RegistryError
        when the registry does not answer: whoever follows begins anew after a pause, and keeps what was said last.
        """

    def catalogue(self) -> AsyncGenerator[Catalogue, None]:
        """The services that there are, all of them, now and after every change. A registry that cannot tell leaves
        this as it is.

        Raises RegistryError as `follow` does. What is not in there any more is gone, and its Upstream with it.
        """
        raise NotImplementedError

    @property
    def lists(self) -> bool:
        """Whether it can tell which services there are."""
        return type(self).catalogue is not Registry.catalogue

    async def close(self) -> None:  # noqa: B027 - a registry may have nothing to end
        """End all connections."""
