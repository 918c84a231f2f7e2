"""A check that cannot be made: nobody passes it."""

from daemun.extauth.answers import Answer, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.request import Request
from daemun.ir.auth.checks import Broken


class BrokenCheck(Checker):
    """It never holds, negated or not."""

    def __init__(self, check: Broken, place: Place, tools: Tools) -> None:
        del place, tools
        self._answer = Failed(check.why)

    def fault(self) -> str:
        """What it was made with."""
        return self._answer.why

    @classmethod
    def because(cls, why: str) -> "BrokenCheck":
        """One that the server itself cannot make."""
        return cls(Broken(why), Place("", ""), None)  # type: ignore[arg-type]  # it uses no tools

    async def check(self, request: Request, state: State) -> Answer:
        """It cannot be told."""
        del request, state
        return self._answer
