"""How many Open Policy Agents there may be: each is a process that takes some 40 MB before it evaluates anything."""

from collections import Counter


class Room:
    """Room for `most` of them, half of which one namespace may have. A step that changes has the old one's, too."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[tuple[str, str]] = Counter()

    def take(self, chain: str, step: str) -> str:
        """Have room for one more. Else: why there is none."""
        namespace = _namespace(chain)
        if not self._taken[chain, step]:
            theirs = sum(_namespace(one) == namespace for one, _ in +self._taken)
            if len(+self._taken) >= self._most:
                return f"there are {self._most} OPAs already, which is all that daemun extauth may have (--opas)"
            if theirs >= max(1, self._most // 2):
                return f"the namespace {namespace} has {theirs} OPAs already, half of all (--opas of daemun extauth)"
        self._taken[chain, step] += 1
        return ""

    def leave(self, chain: str, step: str) -> None:
        """Give it back."""
        self._taken[chain, step] -= 1
        self._taken = +self._taken


def _namespace(chain: str) -> str:
    return chain.partition("/")[0]
