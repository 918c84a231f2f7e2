"""What registries fail to give, in words: for each service, and for the registry once, however many services it has."""

from collections.abc import Container, Iterator, Mapping

from daemun.gatewayapi.findings import Finding
from daemun.gloo.upstreams.registries import UNAVAILABLE
from daemun.ir.instances import Lookup
from daemun.ir.registries import CONSUL, Trouble
from daemun.sources.registries.registry import ConfigError, RegistryError


def troubles(
    refused: Mapping[str, ConfigError], failed: Mapping[Lookup | str, RegistryError], held: Container[Lookup]
) -> Iterator[tuple[Trouble, Finding]]:
    """The registries that cannot be opened, and the lookups and catalogues (by registry) that fail. Of what is `held`
    the last good endpoints stay."""
    of: dict[str, list[Lookup]] = {}
    for what, error in failed.items():
        if isinstance(what, str):
            text = f"which services there are: {error.text}; their Upstreams stay"
            yield Trouble(what), Finding(UNAVAILABLE, _where(what), text, error.mend)
        else:
            of.setdefault(what.registry, []).append(what)
    for registry, lookups in of.items():
        for one in lookups:
            yield Trouble(one.registry, one.service, one.place), _finding(one, failed[one], "", held)
        first = min(lookups)
        more = f" (and {len(lookups) - 1} more)" if len(lookups) > 1 else ""
        yield Trouble(registry), _finding(first, failed[first], more, held)
    for registry, wrong in refused.items():
        yield Trouble(registry), wrong.finding(_where(registry) if registry == CONSUL else "")


def _finding(one: Lookup, error: RegistryError, more: str, held: Container[Lookup]) -> Finding:
    kept = "; the last good endpoints stay" if one in held else ""
    place = f" in {one.place}" if one.place else ""
    text = f"the service {one.service}{place}{more}: {error.text}{kept}"
    return Finding(UNAVAILABLE, _where(one.registry), text, error.mend)


def _where(registry: str) -> str:
    return f"spec.{CONSUL}" if registry == CONSUL else "spec"
