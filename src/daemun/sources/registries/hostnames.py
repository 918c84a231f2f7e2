"""Instances of which a registry has a hostname: they are where the DNS says that this is, asked again and again."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from daemun.base.addresses import is_ip
from daemun.fetch import lookup
from daemun.ir.instances import Instance, Instances
from daemun.sources.ended import ended
from daemun.sources.registries.dns import Dns, DnsConfig
from daemun.sources.registries.registry import RegistryError, Tools


class Hostnames:
    """Asks the server of the DNS at `address`, HOST:PORT, every so many `seconds`."""

    def __init__(self, address: str, seconds: float) -> None:
        self._address, self._seconds = address, seconds
        self._dns: Dns | None = None

    async def located(self, answers: AsyncGenerator[Instances, None]) -> AsyncGenerator[Instances, None]:
        """What a registry says, with addresses for hostnames: whenever either of both has changed.

        One whose name nobody can look up is where it was last. Raises RegistryError if nothing at all is known.
        """
        known: dict[str, list[str]] = {}
        told: Instances | None = None
        waiting: asyncio.Task[Instances] | None = None
        try:
            entries = await anext(answers)
            while True:
                known, why = await self._looked_up({one.address for one in entries}, known)
                found = tuple(sorted({each for one in entries for each in _at(one, known[one.address])}))
                if why is not None and not found:
                    raise why
                if found != told:
                    told = found
                    yield found
                waiting = waiting or asyncio.ensure_future(anext(answers))
                await asyncio.wait([waiting], timeout=None if all(map(is_ip, known)) else self._seconds)
                if waiting.done():
                    entries, waiting = waiting.result(), None
        except StopAsyncIteration:
            return
        finally:
            if waiting is not None:
                waiting.cancel()
                await ended([waiting])

    async def _looked_up(
        self, hosts: set[str], known: dict[str, list[str]]
    ) -> tuple[dict[str, list[str]], RegistryError | None]:
        """The addresses of each host, and why those of one are not known as they are now."""
        found = {one: [one] for one in hosts if is_ip(one)}
        names = sorted(hosts - found.keys())
        answers = await asyncio.gather(*map(self._of, names), return_exceptions=True)
        why: RegistryError | None = None
        for name, answer in zip(names, answers, strict=True):
            if isinstance(answer, RegistryError):
                why = answer
                found[name] = known.get(name, [])
            elif isinstance(answer, BaseException):
                raise answer
            else:
                found[name] = answer
        return found, why

    async def _of(self, host: str) -> list[str]:
        if self._dns is None:
            self._dns = Dns(DnsConfig(nameservers=(await self._server(),)), Tools())
        return await self._dns.addresses(host)

    async def _server(self) -> str:
        host, _, port = self._address.rpartition(":")
        with contextlib.suppress(OSError, UnicodeError, ValueError):
            int(port)
            address, *_ = await lookup(host.strip("[]"))
            return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        raise RegistryError(f"there is no server of the DNS at {self._address[:80]!r}", "Write it as HOST:PORT.")


def _at(one: Instance, addresses: list[str]) -> Instances:
    return tuple(Instance(address, one.port, one.tags, one.weight) for address in addresses)
