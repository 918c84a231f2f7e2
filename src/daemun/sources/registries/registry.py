"""What a registry is to whoever follows it. A registry is one file, and a line in `kinds`."""

from collections.abc import AsyncGenerator
from typing import Protocol

from daemun.ir.instances import Instances, Lookup


class RegistryError(Exception):
    """A registry does not give what it is asked for. `text` never says what lets somebody in.

    `after`: seconds in which not to ask again.
    """

    def __init__(self, text: str, mend: str = "", after: float = 0.0) -> None:
        super().__init__(text)
        self.text, self.mend, self.after = text, mend, after


class Registry(Protocol):
    """Follows services. One that is there is opened from Settings, once for all lookups."""

    def follow(self, lookup: Lookup) -> AsyncGenerator[Instances, None]:
        """The instances of a service, now and after every change, until it is closed.

        Those that do not take requests are left out. Raises RegistryError when the registry does not answer; whoever
        follows then begins anew, and keeps what was said last.
        """
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
