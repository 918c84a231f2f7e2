"""What is found while objects are resolved that refer to each other: each finding belongs to the object that has it."""

from collections.abc import Iterable

from daemun.base.names import Ref
from daemun.gatewayapi.findings import Finding, absent
from daemun.ir.problem import Problem

Problems = tuple[Problem, ...]


class Report:
    """Gathers problems, each once."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}

    @property
    def problems(self) -> Problems:
        """All that were found."""
        return tuple(self._found)

    def error(self, ref: Ref, code: str, where: str, text: str, mend: str = "") -> str:
        """Something that makes its object rejected. Returns what is wrong, in a sentence."""
        problem = Problem(ref, code, where, text, mend)
        self._found[problem] = None
        return f"{where}: {text}" if where else text

    def warning(self, ref: Ref, code: str, where: str, text: str, mend: str = "") -> None:
        """Something that its object is accepted in spite of."""
        self._found[Problem(ref, code, where, text, mend, warning=True)] = None

    def absent(self, ref: Ref, code: str, where: str, target: Ref) -> None:
        """That what an object refers to does not exist; it is accepted in spite of that."""
        self.findings(ref, (absent(code, where, target),), warning=True)

    def findings(self, ref: Ref, findings: Iterable[Finding], *, warning: bool = False) -> None:
        """What others found about an object."""
        for one in findings:
            self._found[Problem(ref, one.reason, one.where, one.text, one.mend, warning, one.absent)] = None
