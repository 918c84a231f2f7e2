"""Which manifests a PATH holds, and reading one of them."""

import os
import stat
from collections.abc import Callable
from typing import NamedTuple

from daemun.sources import beneath
from daemun.sources.beneath import Stamp, Unusable

MAX_FILES = 20_000
MAX_DEPTH = 32
SUFFIXES = (".yaml", ".yml", ".json")


class Key(NamedTuple):
    """A file: the number of the PATH it belongs to, and its name below it ("" when the PATH is the file)."""

    root: int
    name: str


class Found(NamedTuple):
    """A file as the directory lists it. A `refusal` says why it will not be read."""

    stamp: Stamp | None
    linked: bool = False
    refusal: Unusable | None = None


class Listing:
    """Everything below the PATHs. `holes` could not be listed: nothing is known about what is in them."""

    def __init__(self) -> None:
        self.files: dict[Key, Found] = {}
        self.notes: list[tuple[Key, Unusable]] = []
        self.holes: list[tuple[Key, bool]] = []
        self.links: set[Key] = set()

    def hole(self, key: Key, why: Unusable) -> None:
        self.notes.append((key, why))
        self.holes.append((key, why.gone))

    def in_hole(self, key: Key) -> bool:
        """Whether nothing is known about this file, because what it is in could not be listed."""
        return any(
            not gone if key == hole else within(key, hole)
            for hole, gone in self.holes  # a PATH that was a file and is gone is deleted; a folder may be unmounted
        )


def within(key: Key, folder: Key) -> bool:
    """Whether a file is below a folder."""
    return key.root == folder.root and key != folder and (not folder.name or key.name.startswith(folder.name + "/"))


Watch = Callable[[int, Key], None]
"""Called with the descriptor of each directory before it is listed, so that no change falls in between."""


def shown(path: str) -> str:
    """A path that can be printed, whatever bytes are in it."""
    return os.fsencode(path).decode("utf-8", "replace")


class Tree:
    """The PATHs that are followed."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self.paths = paths

    def path(self, key: Key) -> str:
        root = self.paths[key.root]
        return os.path.join(root, key.name) if key.name else root  # noqa: PTH118 - paths are text here

    def list(self, watch: Watch | None = None) -> Listing:
        """Walks all PATHs. A file that can be reached twice counts once."""
        listing = Listing()
        seen: set[tuple[int, int]] = set()
        for root, path in enumerate(self.paths):
            _Walk(listing, seen, watch, root, path).run()
        return listing

    def look(self, key: Key) -> Found | None:
        """One file as it is now, None when it is gone. `linked` when it has, or may have, more names than this."""
        try:
            status = os.lstat(self.path(key))
        except OSError:
            return None
        return _found(status, linked=not stat.S_ISREG(status.st_mode) or status.st_nlink > 1)

    def read(self, key: Key) -> tuple[bytes, Stamp]:
        """The bytes of a file. Raises Unusable if it cannot be read."""
        path = self.paths[key.root]
        try:
            if not key.name:
                descriptor = beneath.named(path)
            else:
                root = beneath.directory(path)
                try:
                    descriptor = beneath.beneath(root, path, key.name)
                finally:
                    os.close(root)
            try:
                return beneath.content(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise beneath.unusable(error) from None


def _found(status: os.stat_result, linked: bool = False) -> Found:
    refusal = None if linked else beneath.not_regular(status.st_mode)
    return Found(Stamp.of(status), linked, refusal or beneath.too_large(status.st_size))


class _Walk:
    """The walk of one PATH. Symlinks come last: whatever has a real place in the folder is known by that place."""

    def __init__(self, listing: Listing, seen: set[tuple[int, int]], watch: Watch | None, root: int, path: str) -> None:
        self.listing, self.seen, self.watch, self.root, self.path = listing, seen, watch, root, path
        self.links: list[str] = []

    def run(self) -> None:
        top = Key(self.root, "")
        try:
            status = os.stat(self.path)  # noqa: PTH116 - paths are text here
            if not stat.S_ISDIR(status.st_mode):
                self.single(top, status)
                return
            descriptor = beneath.directory(self.path)
        except OSError as error:
            self.listing.hole(top, beneath.unusable(error))
            return
        try:
            self.enter(descriptor, "", 0)
            for link in sorted(self.links):
                self.listing.links.add(Key(self.root, link))
                self.follow(descriptor, link)
        finally:
            os.close(descriptor)

    def single(self, top: Key, status: os.stat_result) -> None:
        """A PATH that is a file: its directory is watched for its name."""
        if self.watch is not None:
            parent = beneath.directory(os.path.dirname(self.path) or ".")  # noqa: PTH120 - paths are text here
            self.watch(parent, top)
            os.close(parent)
        found = _found(status)
        self.add("", Found(found.stamp, os.path.islink(self.path), found.refusal))  # noqa: PTH114 - paths are text here

    def enter(self, descriptor: int, name: str, depth: int) -> None:
        key = Key(self.root, name)
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) in self.seen:
            return
        self.seen.add((status.st_dev, status.st_ino))
        if depth > MAX_DEPTH or len(self.seen) > 2 * MAX_FILES:
            self.listing.hole(key, Unusable("there are too many folders in folders here", "Flatten them."))
            return
        try:
            if self.watch is not None:
                self.watch(descriptor, key)
            with os.scandir(descriptor) as entries:
                ordered = sorted(entries, key=lambda entry: entry.name)
            for entry in ordered:
                if not entry.name.startswith("."):
                    self.entry(descriptor, entry, f"{name}/{entry.name}" if name else entry.name, depth)
        except OSError as error:
            self.listing.hole(key, beneath.unusable(error))

    def entry(self, parent: int, entry: "os.DirEntry[str]", name: str, depth: int) -> None:
        if entry.is_symlink():
            self.links.append(name)
        elif entry.is_dir(follow_symlinks=False):
            try:
                descriptor = beneath.directory(entry.name, parent)
            except OSError as error:
                if error.errno != 2:
                    self.listing.hole(Key(self.root, name), beneath.unusable(error))
                return
            try:
                self.enter(descriptor, name, depth + 1)
            finally:
                os.close(descriptor)
        elif entry.name.endswith(SUFFIXES):
            try:
                self.add(name, _found(entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                return

    def follow(self, root: int, name: str) -> None:
        """A symlink: to a manifest or to a directory in the folder."""
        manifest = name.endswith(SUFFIXES)
        try:
            descriptor = beneath.beneath(root, self.path, name)
        except (Unusable, OSError) as error:
            why = error if isinstance(error, Unusable) else beneath.unusable(error)
            if manifest:
                if why.gone:
                    why = Unusable("is a symlink to nothing", "Point it to a file in the folder.")
                self.add(name, Found(None, True, why))
            elif os.path.isdir(os.path.join(self.path, name)):  # noqa: PTH112, PTH118 - paths are text here
                self.listing.hole(Key(self.root, name), why)
            return
        try:
            status = os.fstat(descriptor)
            if stat.S_ISDIR(status.st_mode):
                before = len(self.links)
                self.enter(descriptor, name, name.count("/"))
                further, self.links = self.links[before:], self.links[:before]
                for link in further:
                    self.listing.links.add(Key(self.root, link))
                    self.follow(root, link)
            elif manifest:
                self.add(name, _found(status)._replace(linked=True))
        finally:
            os.close(descriptor)

    def add(self, name: str, found: Found) -> None:
        if found.stamp is not None:
            identity = (found.stamp.device, found.stamp.inode)
            if identity in self.seen:
                return
            self.seen.add(identity)
        if len(self.listing.files) >= MAX_FILES:
            top = Key(self.root, "")
            if (top, False) not in self.listing.holes:
                why = Unusable(f"holds more than {MAX_FILES:,} manifests", "The rest is not read. Use fewer files.")
                self.listing.hole(top, why)
            return
        self.listing.files[Key(self.root, name)] = found
