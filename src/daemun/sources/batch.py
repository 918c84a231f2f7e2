"""What a source hands over: the objects that changed, and everything that is wrong at the moment."""

import msgspec

from daemun.base.names import Ref


class FileProblem(msgspec.Struct, frozen=True):
    """One finding, with the place a person has to look at. `line` counts from 1; 0 is the file as a whole.

    What a cluster holds is in no file: then `file` is empty.
    """

    file: str
    line: int
    ref: Ref | None
    where: str
    text: str
    mend: str = ""
    warning: bool = False

    @property
    def order(self) -> tuple[str, int, str, str]:
        """What problems are sorted by."""
        return self.file, self.line, self.where, self.text

    def __str__(self) -> str:
        at = f"{self.file}:{self.line}" if self.line else self.file
        about = " ".join(str(part) for part in (self.ref, self.where) if part)
        mend = f" {self.mend}" if self.mend else ""
        return ": ".join(part for part in (at, about, self.text + mend) if part)


class Batch(msgspec.Struct, frozen=True):
    """Objects that changed together (None: gone) and the complete list of problems.

    `complete` says that every PATH could be listed to its end: what was not found then does not exist.
    """

    objects: dict[Ref, object | None]
    problems: tuple[FileProblem, ...]
    complete: bool

    @property
    def unread(self) -> frozenset[Ref]:
        """The objects that are there and cannot be read."""
        return frozenset(one.ref for one in self.problems if one.ref and not one.warning)
