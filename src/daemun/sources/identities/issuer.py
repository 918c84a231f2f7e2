"""What an authority of a mesh is to whoever asks it."""

from collections.abc import AsyncGenerator
from typing import Protocol

from daemun.ir.identity import Credential, Identity


class Issuer(Protocol):
    """Gives certificates."""

    def follow(self, identity: Identity) -> AsyncGenerator[Credential, None]:
        """A credential now, and the next one before it ends, until closed. Raises RegistryError."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
