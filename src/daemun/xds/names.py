"""Which resources of one type a client asks for. It may think of any number of names, but not have all of them kept."""

from collections.abc import Callable, Collection

WILDCARD = "*"
MOST_STRANGE = 100_000
"""Names of nothing that a client may ask for, and as many that it may bring with it."""
LONGEST_STRANGE = 1024
"""Characters of such a name."""


class Names:
    """What a client asks for: names, or `every` one. `wanted` are those of which there is something."""

    def __init__(self, wanted: Callable[[], Collection[str]]) -> None:
        self.every = False
        self._wanted = wanted
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        """Whether the client is to hear of this one."""
        return self.every or name in self._names

    def named(self, name: str) -> bool:
        """Whether it asks for this one by its name."""
        return name in self._names

    def add(self, name: str) -> bool:
        """It asks for another one. False if that is one too many."""
        if name not in self._names and self.strange(name, len(self._names)):
            return False
        self._names.add(name)
        return True

    def discard(self, name: str) -> None:
        """It does not ask for it any more."""
        self._names.discard(name)

    def strange(self, name: str, among: int) -> bool:
        """Whether there is nothing of the name, and it is too long, or too many such are among so many already."""
        wanted = self._wanted()
        return name not in wanted and (len(name) > LONGEST_STRANGE or among >= len(wanted) + MOST_STRANGE)
