"""Checks that others write in Python, found by their entry points."""

from importlib.metadata import entry_points

from daemun.extauth.checker import Checker, Place, Tools
from daemun.ir.auth.checks import PluginAuth

GROUP = "daemun.auth"


class UnknownPluginError(Exception):
    """No package that is installed has this plug-in, or it makes no checker."""

    def __init__(self, name: str) -> None:
        super().__init__(f"no package beside the server has a plug-in {name} (docs/auth/plugins.md)")


def plugin(check: PluginAuth, place: Place, tools: Tools) -> Checker:
    """What the plug-in makes of its configuration: its entry point is a callable that takes that, place and tools.

    Raises UnknownPluginError if there is none of this name.
    """
    for one in entry_points(group=GROUP, name=check.plugin):
        made = one.load()(dict(check.config), place, tools)
        if isinstance(made, Checker):
            return made
    raise UnknownPluginError(check.plugin)
