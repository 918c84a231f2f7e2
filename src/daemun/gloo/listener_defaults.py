"""What Settings say that HTTP listeners do which say nothing of it themselves: `extProc`."""

from collections.abc import Callable, Iterator

from daemun.api.gloo.options import HttpListenerOptions
from daemun.api.gloo.settings import Settings
from daemun.base.names import GLOO, Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.classic.scope import SETTINGS
from daemun.gloo.policies import HTTP_LISTENER_OPTION, Inputs, Policy, Reading


def listener_defaults_rule(of: Inputs) -> Callable[[Reader, Name, Settings], Iterator[tuple[Name, Policy]]]:
    """The rule from the Settings that count to a policy that is for every HTTP listener, after all others."""

    def read(reader: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, Policy]]:
        if name == SETTINGS and settings.spec.ext_proc is not None:
            said = HttpListenerOptions(ext_proc=settings.spec.ext_proc)
            ref = Ref(GLOO, "Settings", *name)
            yield name, Reading(reader, ref, HTTP_LISTENER_OPTION, of, "spec").policy(said)

    return read


ListenerDefaults = Collection[Name, Policy]


def listener_defaults(reader: Reader, of: ListenerDefaults) -> tuple[Policy, ...]:
    """The policy, if there is one."""
    found = reader.get(of, SETTINGS)
    return (found,) if found is not None else ()
