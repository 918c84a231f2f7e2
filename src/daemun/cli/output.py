"""Output: colour only on a terminal, data on stdout, everything about it on stderr."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from rich.console import Console

    from daemun.report.journal import ProblemLine


def console(*, stderr: bool = False) -> "Console":
    """Rich output that is plain text when it goes to a file or a pipe, and then never wrapped or cut."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


def fail(message: str, mend: str = "", code: int = 2) -> NoReturn:
    """End with one clear error."""
    console(stderr=True).print("[bold red]error:[/] ", end="")
    print(message, file=sys.stderr)
    if mend:
        print(f"  {mend}", file=sys.stderr)
    sys.exit(code)


def plain(value: Any) -> Any:
    """A value in JSON's terms, with objects as people write them: `HTTPRoute default/web`, not a list of four words."""
    import msgspec

    from daemun.base.names import Name, Ref

    if isinstance(value, Ref | Name):
        return str(value)
    if isinstance(value, msgspec.Struct):
        return {field.encode_name: plain(getattr(value, field.name)) for field in msgspec.structs.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def dump_yaml(documents: Iterable[Any]) -> str:
    """YAML, one document each, in the order given."""
    import msgspec
    import yaml

    plain = msgspec.json.decode(msgspec.json.encode(list(documents)))
    return yaml.dump_all(plain, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)


def dump_json(value: Any) -> str:
    """Indented JSON."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def print_problems(problems: Iterable["ProblemLine"], to: "Console", *, codes: bool = False) -> None:
    """Each problem with its place, its number, what is wrong, and how to mend it.

    With `codes` the word for its kind instead of its number: what is told of a change has no numbers.
    """
    from rich.text import Text

    from daemun.lint.codes import number

    for problem in problems:
        numbered = "" if codes else f"[{number(problem.code)}]"
        kind = Text(f"{_weight(problem)}{numbered}: ", "yellow" if problem.warning else "bold red")
        place = f"{problem.file}:{problem.line}: " if problem.line else f"{problem.file}: " if problem.file else ""
        what = " ".join(part for part in (problem.object, problem.field) if part)
        code = Text(f" [{problem.code}]" if codes else "", "dim")
        to.print(Text(place, "bold") + kind + Text(f"{what}: " if what else "", "cyan") + Text(problem.text) + code)
        if problem.mend:
            to.print(Text(f"    {problem.mend}", "dim"))


def _weight(problem: "ProblemLine") -> str:
    return "warning" if problem.warning else "error"


def print_table(header: tuple[str, ...], rows: list[tuple[str, str, str]], to: "Console") -> None:
    """Columns as wide as they need to be. A line that does not fit is wrapped by the terminal, never cut."""
    from rich.text import Text

    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]
    to.print(Text("  ".join(name.ljust(width) for name, width in zip(header, widths, strict=True)).rstrip(), "bold"))
    for name, state, where in rows:
        style = "green" if state == "ready" else "red"
        line = Text.assemble(name.ljust(widths[0]), "  ", (state.ljust(widths[1]), style), "  ", where)
        line.rstrip()
        to.print(line)


def columns(header: tuple[str, ...], rows: list[tuple[str, ...]], state: int = -1) -> str:
    """A table as text. On a terminal columns are as wide as they need to be, and the one of the `state` is in colour.

    For a program there is a tab between two columns and nothing else, so that they can be cut.
    """
    import io

    from rich.console import Console
    from rich.text import Text

    if not sys.stdout.isatty():
        return "".join("\t".join(row) + "\n" for row in (header, *rows))
    widths = [max(len(row[at]) for row in (header, *rows)) for at in range(len(header))]
    written = io.StringIO()
    to = Console(file=written, force_terminal=True, highlight=False, soft_wrap=True)
    to.print(Text("  ".join(name.ljust(width) for name, width in zip(header, widths, strict=True)).rstrip(), "bold"))
    for row in rows:
        line = Text()
        for at, (cell, width) in enumerate(zip(row, widths, strict=True)):
            style = ("green" if cell == "ready" else "yellow" if cell in _QUIET else "red") if at == state else ""
            line.append(cell.ljust(width), style)
            line.append("  ")
        line.rstrip()
        to.print(line)
    return written.getvalue()


_QUIET = ("pending", "unused")
