"""Opening files below a folder, and nowhere else.

Every step is taken relative to the descriptor of the directory before it, with O_NOFOLLOW. Symlinks are read and
followed here, so one that leads out of the folder is refused however and whenever it is put there: there is no moment
between check and use. What is opened is checked again by fstat, and pipes cannot block us (O_NONBLOCK).
"""

import errno
import os
import stat
from pathlib import Path
from typing import NamedTuple

MAX_BYTES = 16 << 20
MAX_LINKS = 40
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_TRIES = 3


class Stamp(NamedTuple):
    """Changes whenever a file does."""

    device: int
    inode: int
    size: int
    mtime: int
    ctime: int

    @staticmethod
    def of(status: os.stat_result) -> "Stamp":
        return Stamp(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


class Unusable(Exception):  # noqa: N818 - it says what the file is
    """A file that is not read: what is wrong and what to do. `gone`: there is none; `busy`: it keeps changing."""

    def __init__(self, text: str, mend: str = "", gone: bool = False, busy: bool = False) -> None:
        super().__init__(text)
        self.text, self.mend, self.gone, self.busy = text, mend, gone, busy

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unusable) and self.args == other.args and self.mend == other.mend

    def __hash__(self) -> int:
        return hash((self.text, self.mend))


def unusable(error: OSError) -> Unusable:
    """An error of the operating system, said to a person."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Unusable("does not exist", "Create it, or correct the path.", gone=True)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unusable("cannot be read: permission denied", "Let the user that runs Daemun read it.")
    if error.errno == errno.ELOOP:
        return Unusable("is a symlink that leads in a circle", "Point it to a file in the folder.")
    return Unusable(f"cannot be read: {os.strerror(error.errno or 0)}")


def not_regular(mode: int) -> Unusable | None:
    """Why a file of this mode is not read."""
    if stat.S_ISREG(mode):
        return None
    for test, name in (
        (stat.S_ISFIFO, "named pipe"),
        (stat.S_ISSOCK, "socket"),
        (stat.S_ISDIR, "directory"),
    ):
        if test(mode):
            return Unusable(f"is a {name}, not a file", "Remove it or give it another name.")
    return Unusable("is a device, not a file", "Remove it or give it another name.")


def too_large(size: int) -> Unusable | None:
    """Why a file of this size is not read."""
    if size <= MAX_BYTES:
        return None
    return Unusable(f"is larger than {MAX_BYTES >> 20} MiB ({size:,} bytes)", "Split it into several files.")


def directory(name: str, parent: int | None = None) -> int:
    """Opens a directory: a PATH by name, or one below the directory open at `parent`, never through a symlink."""
    if parent is None:
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    return os.open(name, _DIRECTORY, dir_fd=parent)


def beneath(root: int, base: str, relative: str) -> int:
    """A descriptor of what `relative` names below the directory open at `root`, whose path is `base`."""
    descent = _Descent(root, base, relative)
    try:
        while descent.todo:
            opened = descent.step(descent.todo.pop())
            if opened is not None:
                return opened
        return descent.stack.pop()
    finally:
        for descriptor in descent.stack:
            os.close(descriptor)


class _Descent:
    """The way down: the open directories from the folder to here, and the names still to go (the next one last)."""

    def __init__(self, root: int, base: str, relative: str) -> None:
        self.base, self.links = base, 0
        self.stack = [os.dup(root)]
        self.todo = relative.split("/")[::-1]

    def step(self, name: str) -> int | None:
        """Goes one name further. Returns the descriptor when that name is the file."""
        if name in ("", "."):
            return None
        if name == "..":
            if len(self.stack) == 1:
                raise _outside()
            os.close(self.stack.pop())
            return None
        here = self.stack[-1]
        mode = os.stat(name, dir_fd=here, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            self.turn(os.readlink(name, dir_fd=here))
        elif stat.S_ISDIR(mode):
            self.stack.append(directory(name, here))
        elif self.todo:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        elif (refusal := not_regular(mode)) is not None:
            raise refusal  # before it is opened: opening a device may do something
        else:
            return os.open(name, _FILE, dir_fd=here)
        return None

    def turn(self, target: str) -> None:
        """Follows a symlink."""
        self.links += 1
        if self.links > MAX_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith("/"):
            target = _inside(target, self.base)
            while len(self.stack) > 1:
                os.close(self.stack.pop())
        self.todo.extend(target.split("/")[::-1])


def _outside() -> Unusable:
    return Unusable("is a symlink that leads out of the folder", "Point it to a file in the folder, or copy the file.")


def _inside(target: str, base: str) -> str:
    """An absolute symlink target, relative to the folder."""
    real = os.path.realpath(base)
    if target != real and not target.startswith(real.rstrip("/") + "/"):
        raise _outside()
    return target[len(real) :]


def named(path: str) -> int:
    """A descriptor of a file that the user named: symlinks are followed, since it is the user who pointed to it."""
    refusal = not_regular(Path(path).stat().st_mode)
    if refusal is not None:
        raise refusal
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)


def content(descriptor: int) -> tuple[bytes, Stamp]:
    """The bytes of an open file, as they were at one moment."""
    for _ in range(_TRIES):
        status = os.fstat(descriptor)
        refusal = not_regular(status.st_mode) or too_large(status.st_size)
        if refusal is not None:
            raise refusal
        data = _bytes(descriptor, status.st_size)
        before, after = Stamp.of(status), Stamp.of(os.fstat(descriptor))
        if before == after and len(data) == status.st_size:
            return data, after
    raise Unusable("changes while it is read", "It is read again when it rests.", busy=True)


def _bytes(descriptor: int, size: int) -> bytes:
    """At most `size` bytes and one, so that a file that grows meanwhile is noticed."""
    chunks: list[bytes] = []
    at = 0
    while at <= size:
        chunk = os.pread(descriptor, size + 1 - at, at)
        if not chunk:
            break
        chunks.append(chunk)
        at += len(chunk)
    return b"".join(chunks)
