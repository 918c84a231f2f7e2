"""The registries that there are: Daemun's own here, those of others by their entry points."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any

from daemun.api.decode import fitted
from daemun.api.misfits import Misfit
from daemun.base.guard import Guard
from daemun.gatewayapi.findings import Finding
from daemun.ir.registries import Configured
from daemun.sources.registries.registry import ConfigError, Registry, Shared, Tools

GROUP = "daemun.registries"
OWN: Mapping[str, str] = MappingProxyType(
    {
        "cloud-foundry": "cloudfoundry.registry:CloudFoundry",
        "consul": "consul:Consul",
        "dns": "dns:Dns",
        "ec2": "ec2.registry:Ec2",
        "nomad": "nomad:Nomad",
    }
)
"""As entry points below this package, for what a plug-in imports takes time. A new one is a file and a line here."""


def plugin(name: str) -> type[Registry]:
    """The plug-in of this name. Raises ConfigError if there is none."""
    own = [EntryPoint(name, f"{__package__}.{OWN[name]}", GROUP)] if name in OWN else []
    for one in own or entry_points(group=GROUP, name=name):
        try:
            found = one.load()
        except Exception as error:
            raise ConfigError("type", f"the plug-in {name} cannot be loaded: {type(error).__name__}") from error
        if isinstance(found, type) and issubclass(found, Registry):
            return found
        raise ConfigError("type", f"the plug-in {name} is no registry")
    there = ", ".join(sorted({*OWN, *entry_points(group=GROUP).names}))
    raise ConfigError("type", f"no plug-in is called {name}", f"Use one of {there}, or install its package.")


def opened(configured: Configured, guard: Guard, shared: Shared | None = None) -> Registry:
    """The registry that is configured. Nothing is sent yet. `guard` counts where it is guarded. Raises ConfigError."""
    kind = plugin(configured.type)
    config = typed(configured, kind)
    return kind(config, Tools(configured.secret, guard if configured.guarded else None, shared, lent=configured.lent))


def fault(configured: Configured) -> Finding | None:
    """What is wrong with a configuration by itself: without its Secret, and without opening anything."""
    try:
        kind = plugin(configured.type)
        kind.check(typed(configured, kind))
    except ConfigError as error:
        return error.finding()
    return None


def typed(configured: Configured, kind: type[Registry]) -> Any:
    """The configuration, as the plug-in knows it. Raises ConfigError."""
    if not isinstance(configured.config, dict):
        return configured.config
    found = fitted(configured.config, kind.Config, f"the plug-in {configured.type}")
    if isinstance(found, Misfit):
        raise ConfigError(f"config.{found.where}".rstrip("."), found.text, found.mend)
    return found
