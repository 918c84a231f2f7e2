"""What a place for Secrets is to whoever follows it."""

from typing import NamedTuple, Protocol

from daemun.api.core import Secret
from daemun.base.names import Name


class StoreError(Exception):
    """A place does not give what it is asked for. `text` never says what a Secret holds.

    `whole`: it gives nothing at all now; else it is just this Secret. `after`: seconds in which not to ask again.
    """

    def __init__(self, text: str, mend: str = "", *, whole: bool = True, after: float = 0.0) -> None:
        super().__init__(text)
        self.text, self.mend, self.whole, self.after = text, mend, whole, after


class Answer(NamedTuple):
    """A version of a Secret; None: the place says that there is none."""

    version: str
    secret: Secret | None


class Store(Protocol):
    """A place that has to be asked."""

    async def fetch(self, name: Name, version: str) -> Answer | None:
        """A Secret, or None if it is still the version that was read last. Raises StoreError."""
        ...

    async def keep(self) -> None:
        """Called in each round: keep what gives access. Raises StoreError."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
