"""Whether a client has acknowledged just what is wanted: looked at in steps, for it may have tens of thousands."""

from collections.abc import Callable, Generator, Iterator, Mapping

from daemun.xds.client import Client
from daemun.xds.marks import same
from daemun.xds.wanted import Resource


def differing(
    wanted: Mapping[str, Resource], client: Client, passed_over: Callable[[str], bool]
) -> Generator[None, None, list[str]]:
    """The names of resources that it has otherwise, or still has, or does not have: at the end of the look."""

    def differs(name: str) -> bool:
        resource, copy = wanted.get(name), client.get(name)
        if resource is None:
            return copy is not None and not passed_over(name)
        fine = copy is not None and same(resource.version_with(copy.instead), copy.version)
        return not fine and not passed_over(name)

    found = []
    for name in dict.fromkeys((*wanted, *client.names())):
        if differs(name):
            found.append(name)
        yield
    return [name for name in found if differs(name)]


class Audit:
    """Goes on with such a look by a slice, each time that it is asked to."""

    def __init__(self) -> None:
        self._course: Iterator[None] = iter(())
        self.going_on = False

    def begin(self, course: Iterator[None]) -> None:
        """The look, anew."""
        self._course, self.going_on = course, True

    def go_on(self, steps: int) -> None:
        """So many steps of it, if it is not over."""
        for _ in range(steps if self.going_on else 0):
            if next(self._course, self) is self:
                self.going_on = False
                return
