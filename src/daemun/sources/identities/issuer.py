"""What an authority of a mesh is to whoever asks it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from daemun.ir.identity import Credential, Identity


class IssuerError(Exception):
    """An authority does not give what it is asked for. `text` never says what lets somebody in."""

    def __init__(self, text: str, mend: str = "") -> None:
        super().__init__(text)
        self.text, self.mend = text, mend


class Issuer(Protocol):
    """Gives certificates."""

    def follow(self, identity: Identity) -> AsyncGenerator[Credential, None]:
        """A credential now, and the next one before it ends, until closed. Raises IssuerError."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
