"""What `daemun serve` keeps on disk, for a start while the API server is away: everything that serving takes.

That is the objects, the xDS server's certificate, and who issues the tokens of proxies. All of it is sealed: there are
keys in it.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from daemun.base.names import Ref
from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError
from daemun.process import disk
from daemun.process.disk import DamagedError, Shelf
from daemun.provision.kube import issuer
from daemun.provision.kube.keyring import Certificates
from daemun.sources.kube.memory import KubeMemory

_CERTIFICATES, _ISSUER = "certificates", "issuer"
_ISSUER_SECONDS = 300.0
"""How often the keys of the issuer are read: they are rotated seldom, and announced long before."""
_log = logging.getLogger(__name__)


class Recalled(msgspec.Struct, frozen=True):
    """What was served last."""

    objects: Mapping[Ref, object]
    certificates: Certificates


class Recall:
    """Keeps what it is told. Raises OSError, ValueError if it cannot be begun.

    `complete` says whether what was noted so far is all there is.
    """

    def __init__(self, client: KubeClient, folder: Path, key: Path, complete: Callable[[], bool]) -> None:
        self._client = client
        self._shelf = Shelf(folder, disk.key(key))
        self._shelf.tidy()
        self._memory = KubeMemory(self._shelf, complete)
        self.issuer: issuer.Known | None = None
        """Who issues tokens, as far as it is known."""
        self.note = self._memory.note

    @property
    def pending(self) -> int:
        """How many objects are not written yet."""
        return self._memory.pending

    async def run(self) -> None:
        """Write until cancelled, and follow the issuer."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._memory.run())
            group.create_task(self._follow_issuer())

    def keep(self, certificates: Certificates) -> None:
        """These are the server's certificates now."""
        self._put(_CERTIFICATES, msgspec.json.encode(certificates))

    def recall(self) -> Recalled | None:
        """What was kept, if it is all there. It takes a while: not for the event loop."""
        try:
            certificates, known = self._shelf.get(_CERTIFICATES), self._shelf.get(_ISSUER)
            if certificates is None or known is None:
                return None
            self.issuer = self.issuer or issuer.decode(known)
            objects = self._memory.recall()
            return None if objects is None else Recalled(objects, msgspec.json.decode(certificates, type=Certificates))
        except (OSError, DamagedError, msgspec.MsgspecError) as error:
            _log.warning("What was served last cannot be read: %s", error)
            return None

    async def _follow_issuer(self) -> None:
        while True:
            try:
                found = await issuer.fetch(self._client)
                if found != self.issuer:
                    self.issuer = found
                    self._put(_ISSUER, issuer.encode(found))
            except (KubeError, msgspec.MsgspecError) as error:
                _log.debug("Who issues tokens cannot be read now: %s", error)
            await asyncio.sleep(_ISSUER_SECONDS if self.issuer is not None else 5.0)

    def _put(self, name: str, data: bytes) -> None:
        try:
            self._shelf.put(name, data)
        except OSError as error:
            _log.warning("%s cannot be kept for a start without the API server: %s", name, error)
