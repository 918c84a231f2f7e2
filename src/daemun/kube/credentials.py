"""What we say of who we are, with each request. (A client certificate is shown by the connection: tls.py.)"""

import base64
from pathlib import Path
from typing import Protocol

from daemun.kube.errors import KubeError, UnreachableError
from daemun.kube.kubeconfig import User
from daemun.kube.plugin import PluginToken


class Credentials(Protocol):
    """Gives the header `Authorization`."""

    async def header(self, refused: str = "") -> str:
        """What to send, "" for nothing. `refused` was answered by 401: another one, if there is.

        Raises UnreachableError when there is none just now.
        """
        ...


class Fixed:
    """Credentials that never change."""

    def __init__(self, header: str) -> None:
        self._header = header

    async def header(self, refused: str = "") -> str:
        """What to send."""
        return self._header


class TokenFile:
    """A token in a file, which kubelet writes anew before it expires: it is read again when it is refused."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._header = ""

    async def header(self, refused: str = "") -> str:
        """What to send."""
        if self._header in {"", refused}:
            try:
                self._header = f"Bearer {self._path.read_text().strip()}"
            except (OSError, ValueError) as error:
                raise UnreachableError(f"the token in {self._path} cannot be read: {error}") from None
        return self._header


def credentials(user: User) -> Credentials:
    """Those of a user. Raises KubeError for what is not known."""
    if user.exec is not None:
        return PluginToken(user.exec)
    if user.token_file:
        return TokenFile(Path(user.token_file))
    if user.token:
        return Fixed(f"Bearer {user.token}")
    if user.username and user.password:
        return Fixed(f"Basic {base64.b64encode(f'{user.username}:{user.password}'.encode()).decode()}")
    if user.auth_provider:
        raise KubeError("auth-provider is not supported: Kubernetes itself has it no more")
    return Fixed("")
