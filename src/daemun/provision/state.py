"""The state directory: sockets, tokens and logs of the proxies of one `daemun up`, closed to every other user.

It is found again by what Daemun was started with, so that a restarted Daemun meets the Envoys it left behind.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from time import monotonic

from daemun.provision.errors import ProvisionError

_SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket on Linux: `sun_path` holds 108 bytes with the final zero."""


def locate(paths: Iterable[Path], environ: Mapping[str, str] = os.environ) -> Path:
    """Where the state of a Daemun started with these folders lives. Makes nothing."""
    key = "\0".join(sorted(str(path.absolute()) for path in paths))
    name = _hex(key, 12)
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK | os.X_OK):
        return Path(runtime) / "daemun" / name
    return Path(tempfile.gettempdir()) / f"daemun-{os.geteuid()}" / name


def remembered(paths: Iterable[Path], environ: Mapping[str, str] = os.environ) -> Path:
    """Where what must outlive a reboot is kept for these folders: the last good manifests. Makes nothing."""
    home = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or tempfile.gettempdir()) / ".local" / "state")
    return Path(home) / "daemun" / locate(paths, environ).name


def discovered(kept: Path) -> Path:
    """Where, in such a place, Upstreams are that are made of what is discovered: read as the manifests are."""
    return kept / "discovered"


def private(directory: Path) -> None:
    """Make a directory, and what is missing above it, readable by this user only."""
    for one in reversed([directory, *directory.parents]):
        one.mkdir(mode=0o700, exist_ok=True)


def prepare(directory: Path) -> Path:
    """Make a state directory, and its parent, readable by this user only; refuse one that someone else made."""
    for path in (directory.parent, directory):
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise ProvisionError(f"{directory} is not a directory.", f"Remove it: rm {directory}")
    parent = directory.parent.lstat()
    if not stat.S_ISDIR(parent.st_mode) or parent.st_uid not in {0, os.geteuid()}:
        raise ProvisionError(f"{directory.parent} is a link or belongs to someone else.", "Remove it.")
    if found.st_uid != os.geteuid():
        raise ProvisionError(f"{directory} belongs to user {found.st_uid}.", "Remove it or run as that user.")
    if found.st_mode & 0o077:
        raise ProvisionError(f"{directory} is open to other users.", f"Run: chmod 700 {directory}")
    return directory


def socket_path(path: Path) -> Path:
    """`path`, if a Unix socket can be there. Raises ProvisionError if it is too long for one."""
    length = len(os.fsencode(path))
    if length > _SOCKET_PATH_BYTES:
        raise ProvisionError(
            f"{path} is {length} bytes long, and a Unix socket's path may have {_SOCKET_PATH_BYTES}.",
            "Set XDG_RUNTIME_DIR or TMPDIR to a shorter directory.",
        )
    return path


def folder(proxy: str) -> str:
    """The folder of the proxy `namespace/name`: short, safe and its own."""
    return f"{re.sub(r'[^a-z0-9.-]', '-', proxy.lower())[:20].strip('.-')}-{_hex(proxy, 10)}"


def write(path: Path, data: bytes) -> None:
    """Replace a file at one stroke, readable by this user only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
    draft.replace(path)


class OwnerLock:
    """Held by the one Daemun that owns a state directory; the system lets it go when that process ends."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "owner.lock"
        self._handle = -1

    async def acquire(self, seconds: float) -> None:
        """Wait until the former owner has let go. Raises ProvisionError if it does not."""
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        until = monotonic() + seconds
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if monotonic() > until:
                    pid = os.pread(handle, 32, 0).decode(errors="replace").strip() or "?"
                    os.close(handle)
                    raise ProvisionError(
                        f"Another Daemun (process {pid}) serves from here and does not let go.",
                        f"Stop it: kill {pid}",
                    ) from None
                await asyncio.sleep(0.02)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        self._handle = handle

    def release(self) -> None:
        """Let the next Daemun in. The file stays: removing a lock file would let two hold it."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def _hex(text: str, length: int) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()[:length]
