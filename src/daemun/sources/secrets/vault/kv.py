"""Secrets in Vault's key/value store, where Gloo has them: `<pathPrefix>/<rootKey>/gloo.solo.io/v1/Secret/<ns>/<name>`.

Version 2 tells the version of a Secret without what it holds: only what is new is read. Of version 1 all is read.
"""

import hashlib
from typing import Any, NamedTuple

import msgspec

from daemun.api.core import Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import Name
from daemun.gloo.secrets.formats import Malformed
from daemun.gloo.secrets.own import stored
from daemun.sources.secrets.store import Answer, StoreError
from daemun.sources.secrets.vault.http import Answered, VaultClient, segment
from daemun.sources.secrets.vault.session import Session

_OF = "\n"
"""Between a store and the version of a Secret in it."""
_KIND = "gloo.solo.io/v1/Secret"
_UNSURE = "?"
"""No version: what is held is read to know which it is, and whether it is still there."""


class _Mount(NamedTuple):
    """Where the store is mounted, the way from there to the Secrets, whether it is one with versions, and what no other
    store has that was mounted there before or will be (empty: that is not known).
    """

    path: str
    below: str
    versioned: bool
    id: str = ""


class KvStore:
    """The Secrets below a root."""

    def __init__(self, vault: VaultClient, session: Session, prefix: str, root: str) -> None:
        self._vault, self._session = vault, session
        self._prefix, self._root = segment(prefix), segment(root)
        self._mount: _Mount | None = None

    async def keep(self) -> None:
        """Keep the token good, and know which store it is that answers."""
        await self._session.keep()
        self._mount = await self._find()

    async def close(self) -> None:
        """End all connections."""
        await self._vault.close()

    async def fetch(self, name: Name, version: str) -> Answer | None:
        """A Secret, if it is not that version.

        That a store is empty which was mounted just now, or is in a Vault that was set up anew, says nothing of what
        the one before it held.
        """
        mount = self._mount or await self._find()
        before, _, version = version.rpartition(_OF)
        found = await self._fetch(mount, name, version)
        if found is None:
            return None
        if found.secret is None and version:
            mount = self._mount = await self._find()
            if not (before and mount.id) or before == mount.id:
                return found
            raise StoreError(
                "is not in Vault any more, whose store has been set up anew",
                "Write it again. To have it forgotten, write it and delete it, or change the Settings.",
                whole=False,
            )
        return Answer(f"{mount.id}{_OF}{found.version}" if found.version else "", found.secret)

    async def _fetch(self, mount: _Mount, name: Name, version: str) -> Answer | None:
        path = f"{mount.below}{self._root}/{_KIND}/{name.namespace}/{name.name}"
        if not mount.versioned:
            return self._plain(name, version, await self._session.ask("GET", f"{mount.path}{path}"))
        head = await self._session.ask("GET", f"{mount.path}metadata/{path}")
        if head.status != 403:  # else just what it holds may be read
            if _absent(head):
                return Answer("", None)
            newest = _newest(_data(head))
            if not newest:
                return Answer("", None)
            if newest == version:
                return None
        return self._read(name, version, await self._session.ask("GET", f"{mount.path}data/{path}"))

    def _read(self, name: Name, version: str, answer: Answered) -> Answer | None:
        if _absent(answer, deleted=True):
            return Answer("", None)
        data = _data(answer)
        about, held = data.get("metadata"), data.get("data")
        if not isinstance(about, dict) or not isinstance(held, dict):
            raise StoreError("is empty in Vault", "Write it again, or delete it.", whole=False)
        found = _version(about)
        return None if found == version else Answer(found, _secret(name, held))

    def _plain(self, name: Name, version: str, answer: Answered) -> Answer | None:
        if _absent(answer):
            return Answer("", None)
        held = _data(answer)
        found = hashlib.sha256(msgspec.json.encode(held, order="sorted")).hexdigest()
        return None if found == version else Answer(found, _secret(name, held))

    async def _find(self) -> _Mount:
        """How the store is mounted: Vault tells whoever may read anything below it."""
        answer = await self._session.ask("GET", f"sys/internal/ui/mounts/{self._prefix}")
        mount = _Mount(f"{self._prefix}/", "", versioned=True)
        if answer.status == 200:
            data = _data(answer)
            options, path = data.get("options"), data.get("path")
            if isinstance(path, str) and f"{self._prefix}/".startswith(path):
                below = f"{self._prefix}/".removeprefix(path)
                versioned, one = isinstance(options, dict) and options.get("version") == "2", data.get("uuid")
                mount = _Mount(path, below, versioned, one if isinstance(one, str) else "")
        elif answer.status != 403:
            raise answer.refusal(f"{self._prefix} is looked up", whole=True)
        self._mount = mount
        return mount


def _absent(answer: Answered, *, deleted: bool = False) -> bool:
    """Whether Vault says that there is no such Secret. Raises StoreError when it says anything else but what it is.

    Only a 404 in Vault's own form says so: one with errors is about the mount, one without a body from somebody else.
    """
    if answer.status == 200:
        return False
    if answer.status == 404:
        if answer.body.get("errors") == [] or (deleted and isinstance(answer.body.get("data"), dict)):
            return True
        raise StoreError("Vault has no store of keys and values there", "Correct pathPrefix, or mount one.")
    raise answer.refusal("the Secret is read", whole=answer.status != 403)


def _data(answer: Answered) -> dict[str, Any]:
    data = answer.body.get("data")
    if not isinstance(data, dict):
        raise StoreError("is told by Vault without anything in it", whole=False)
    return data


def _newest(metadata: dict[str, Any]) -> str:
    """The newest version; empty if it is deleted. That may be to come (`delete_version_after`): Vault's clock says."""
    versions, current = metadata.get("versions"), metadata.get("current_version")
    about = versions.get(str(current)) if isinstance(versions, dict) else None
    if not isinstance(about, dict):
        return "" if current == 0 else _UNSURE
    if about.get("destroyed"):
        return ""
    if about.get("deletion_time"):
        return _UNSURE
    return _version({**about, "version": current})


def _version(about: dict[str, Any]) -> str:
    # Numbers begin anew for a Secret that was removed and written again.
    return f"{about.get('version')} of {about.get('created_time')}"


def _secret(name: Name, held: dict[str, Any]) -> Secret:
    made = stored(ObjectMeta(name.name, name.namespace), held)
    if isinstance(made, Malformed):
        raise StoreError(f"{made.text} in Vault", whole=False)
    return made
