"""What `daemun up` prints while it serves."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from daemun.cli.output import console, print_problems
from daemun.report.journal import GoneLine, Line, ProblemLine, ProxyLine, SolvedLine
from daemun.report.summary import GatewayLine, ListenerSetLine, ObjectLine, RouteLine, where

if TYPE_CHECKING:
    from rich.text import Text

_MANY = 20
"""More routes, or other objects, than this in one change are counted, not listed."""


def tell_json(lines: list[Line]) -> None:
    """Each line as a JSON object, at once."""
    import msgspec

    for line in lines:
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
    sys.stdout.buffer.flush()


class TextTeller:
    """Each line for a person. What is only on its way is left out."""

    def __init__(self) -> None:
        self._console = console()

    def __call__(self, lines: list[Line]) -> None:
        """Print what changed."""
        routes = [line for line in lines if isinstance(line, RouteLine) and line.state != "pending"]
        others = [line for line in lines if isinstance(line, ObjectLine) and line.state != "pending"]
        for line in lines:
            match line:
                case GatewayLine() | ListenerSetLine() if line.state != "pending":
                    self._listening(line)
                case GoneLine():
                    self._console.print(_words(("- ", "yellow"), (line.object, "cyan"), (" is gone", "")))
                case ProxyLine():
                    self._console.print(_words(("! ", "yellow"), (_program(line.proxy), "cyan"), (line.text, "")))
                case SolvedLine():
                    self._solved(line)
                case _:
                    pass
        self._listed(routes, "routes")
        self._listed(others, "other objects")
        print_problems([line for line in lines if isinstance(line, ProblemLine)], self._console)

    def _listening(self, line: GatewayLine | ListenerSetLine) -> None:
        kind = "Gateway" if isinstance(line, GatewayLine) else "ListenerSet"
        name = f"{kind} {line.namespace}/{line.name}"
        self._console.print(_words(_state(line.state), (f"{name}  ", "bold cyan"), (where(line), "underline")))

    def _listed(self, lines: Sequence[RouteLine | ObjectLine], kinds: str) -> None:
        if len(lines) > _MANY:
            ready = sum(line.state == "ready" for line in lines)
            self._console.print(_words(("+ ", "green"), (f"{len(lines):,} {kinds}, {ready:,} of them ready", "")))
            return
        for line in lines:
            name = f"{line.kind} {line.namespace}/{line.name}"
            self._console.print(_words(_state(line.state), (f"{name}  ", "cyan"), (where(line), "")))

    def _solved(self, line: SolvedLine) -> None:
        problem = line.problem
        what = " ".join(part for part in (problem.object or problem.file, problem.field) if part)
        self._console.print(_words(("solved: ", "green"), (what, "cyan"), (f": {problem.text}", "dim")))


def _program(proxy: str) -> str:
    """A proxy, one of Daemun's own servers, or nobody."""
    if not proxy:
        return ""
    server = proxy.removeprefix("*/")
    return f"proxy of {proxy} " if server == proxy else f"daemun {server} "


def _state(state: str) -> tuple[str, str]:
    return ("+ ", "green") if state == "ready" else (f"! {state} ", "bold red")


def _words(*words: tuple[str, str]) -> "Text":
    from rich.text import Text

    line = Text.assemble(*words)
    line.rstrip()  # some have nothing to say at their end
    return line
