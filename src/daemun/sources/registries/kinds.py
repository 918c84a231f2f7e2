"""The registries that there are, by the field of Settings that configures each."""

from collections.abc import Mapping
from types import MappingProxyType

from daemun.sources.registries import consul
from daemun.sources.registries.watcher import Open

KINDS: Mapping[str, Open] = MappingProxyType({"consul": consul.opened})
