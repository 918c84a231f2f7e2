"""The DNS: the addresses of a name, or what its SRV records say, asked anew when their TTL is over.

Envoy looks up hostnames itself (a static Upstream), but no SRV records, and with the servers of its own machine.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from itertools import groupby
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.resolver
from msgspec import Meta

from daemun.base.addresses import is_ip
from daemun.ir.instances import Instance, Instances, Lookup
from daemun.sources.registries.registry import Config, ConfigError, Registry, RegistryError, Tools

Family: TypeAlias = Literal["PreferIPv4", "IPv4", "IPv6", "Both"]
_KINDS: dict[Family, tuple[tuple[str, ...], ...]] = {
    "PreferIPv4": (("A",), ("AAAA",)),
    "IPv4": (("A",),),
    "IPv6": (("AAAA",),),
    "Both": (("A", "AAAA"),),
}
"""The records that are asked for together; the next ones only if those are not there."""
_PORT = 53
_SECONDS = 5.0
_SHORTEST, _LONGEST, _LONGEST_WITHOUT = 1.0, 3600.0, 60.0
"""Seconds between two questions, whatever the TTL is; and at most where it says that there is nothing."""


class DnsConfig(Config, frozen=True):
    """Who is asked (without servers, those of the system), and for what. A service that names no port has this one."""

    nameservers: Annotated[tuple[str, ...], Meta(max_length=8)] = ()
    family: Family = "PreferIPv4"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 0


class _Said(NamedTuple):
    """Records, and for how many seconds they are good."""

    records: tuple[Any, ...]
    seconds: float


class Dns(Registry):
    """Asks for each service by itself. One whose name begins with `_` has SRV records; others are NAME or NAME:PORT."""

    Config = DnsConfig

    def __init__(self, config: DnsConfig, tools: Tools) -> None:
        self._config = config
        try:
            self._resolver = dns.asyncresolver.Resolver(configure=not config.nameservers)
        except (dns.exception.DNSException, OSError):
            text = "the system does not say which servers to ask"
            raise ConfigError("config.nameservers", text, "Name one.") from None
        if config.nameservers:
            self._resolver.nameservers = [_allowed(*one, tools) for one in _servers(config)]
        self._resolver.lifetime = _SECONDS

    @classmethod
    def check(cls, config: DnsConfig) -> None:
        """Raises ConfigError if a server is no address."""
        list(_servers(config))

    async def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """What the records say, now and whenever their time is over."""
        name, port = self._asked(lookup.service)
        while True:
            found, seconds = await (self._addresses(name, port) if port else self._services(name))
            yield tuple(sorted(found))
            await asyncio.sleep(min(max(seconds, _SHORTEST), _LONGEST))

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a host, now. Raises RegistryError."""
        name, port = self._asked(f"{host}:{_PORT}")
        found, _ = await self._addresses(name, port)
        return sorted(one.address for one in found)

    def _asked(self, service: str) -> tuple[dns.name.Name, int]:
        """A name, and the port of its addresses; 0 for SRV records, which have their own."""
        text, _, port = service.partition(":")
        number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else 0
        try:
            name = dns.name.from_text(text)
        except (dns.exception.DNSException, UnicodeError):
            raise RegistryError(f"{text[:80]!r} is no name of the DNS") from None
        if text.startswith("_") and not port:
            return name, 0
        number = number if port else self._config.port
        if not 0 < number < 65_536:
            raise RegistryError("has no port", "Write it as NAME:PORT, or give the Registry a config.port.")
        return name, number

    async def _addresses(self, name: dns.name.Name, port: int, weight: int = 1) -> tuple[set[Instance], float]:
        seconds = _LONGEST
        for kinds in _KINDS[self._config.family]:
            said = await asyncio.gather(*(self._ask(name, kind) for kind in kinds))
            seconds = min(seconds, *(each.seconds for each in said))
            if found := {Instance(one.address, port, (), weight) for each in said for one in each.records}:
                return found, seconds
        return set(), seconds

    async def _services(self, name: dns.name.Name) -> tuple[set[Instance], float]:
        """The targets of the best priority that has an address: the others stand in when those are gone (RFC 2782)."""
        records, seconds = await self._ask(name, "SRV")
        for _, group in groupby(sorted(records, key=attrgetter("priority")), attrgetter("priority")):
            targets = [one for one in group if one.target != dns.name.root and one.port]
            said = await asyncio.gather(*(self._addresses(one.target, one.port, max(1, one.weight)) for one in targets))
            seconds = min([seconds, *(each for _, each in said)])
            if found := set[Instance]().union(*(each for each, _ in said)):
                return found, seconds
        return set(), seconds

    async def _ask(self, name: dns.name.Name, kind: str) -> _Said:
        """A name that is not there, or has no such records, is an answer, and is good for a while too (RFC 2308)."""
        try:
            answer = await self._resolver.resolve(name, kind, raise_on_no_answer=False, search=False)
        except dns.resolver.NXDOMAIN as error:
            response = next(iter(error.responses().values()))  # type: ignore[no-untyped-call]  # dnspython has no types here
            return _Said((), min(response.resolve_chaining().minimum_ttl, _LONGEST_WITHOUT))
        except dns.exception.Timeout:
            raise RegistryError(f"no server of the DNS answers within {_SECONDS:g} s") from None
        except dns.resolver.NoNameservers:
            raise RegistryError(f"no server of the DNS can say what {name.to_text(True)} is") from None
        except (dns.exception.DNSException, OSError) as error:
            raise RegistryError(f"the DNS cannot be asked: {error}") from None
        if answer.rrset is None:
            return _Said((), min(answer.chaining_result.minimum_ttl, _LONGEST_WITHOUT))
        return _Said(tuple(answer.rrset), answer.chaining_result.minimum_ttl)


def _servers(config: DnsConfig) -> Iterator[tuple[str, str, int]]:
    """Where each server is named, its address, and its port if that is another than usual. Raises ConfigError."""
    for index, text in enumerate(config.nameservers):
        where, address, port = f"config.nameservers[{index}]", text, _PORT
        if not is_ip(text):
            host, _, number = text.rpartition(":")
            address = host.removeprefix("[").removesuffix("]")
            port = int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 0
        if not is_ip(address) or not 0 < port < 65_536:
            raise ConfigError(where, f"{text[:80]!r} is no address", "Write it as an IP address, or as ADDRESS:PORT.")
        yield where, address, port


def _allowed(where: str, address: str, port: int, tools: Tools) -> dns.nameserver.Nameserver:
    """A server, if it may be asked. Raises ConfigError."""
    if why := tools.guard.refuses(address):
        raise ConfigError(where, f"{why}, which is not allowed")
    return dns.nameserver.Do53Nameserver(address, port)
