"""What Settings say that HTTP listeners do which say nothing of it themselves: `extProc`, and `rbac.requireRbac`."""

from collections.abc import Callable, Iterator

from daemun.api.gloo.options import HttpListenerOptions, VirtualHostOptions
from daemun.api.gloo.rbac import RbacExtensionSettings
from daemun.api.gloo.settings import Settings, SettingsSpec
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.policies.policy import HTTP_LISTENER_OPTION, Inputs, Policy, Reading
from daemun.gloo.settings.scope import SETTINGS


def listener_defaults_rule(of: Inputs) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Policy]]]:
    """The rule from the Settings that count to a policy that is for every HTTP listener, after all others."""

    def read(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Policy]]:
        spec = settings.spec
        if name == SETTINGS and (spec.ext_proc is not None or _closes(spec)):
            reading = Reading(reader, Ref(GLOO, "Settings", *name), HTTP_LISTENER_OPTION, of, "spec")
            # Without policies it allows nobody: who is to come in is for a host or a route to say.
            on_hosts = VirtualHostOptions(rbac=RbacExtensionSettings() if _closes(spec) else None)
            yield name, reading.policy(HttpListenerOptions(ext_proc=spec.ext_proc), on_hosts)

    return read


def _closes(spec: SettingsSpec) -> bool:
    return spec.rbac is not None and spec.rbac.require_rbac


ListenerDefaults = Collection[Name, Policy]


def listener_defaults(reader: Reader, of: ListenerDefaults) -> tuple[Policy, ...]:
    """The policy, if there is one."""
    found = reader.get(of, SETTINGS)
    return (found,) if found is not None else ()
