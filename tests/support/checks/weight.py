"""How much a part of the program remembers: the entries of every table, list and set that it can reach."""

import types
from collections import Counter, deque
from collections.abc import Iterator
from typing import Any

_TABLES = (dict, list, set, deque)


def weights(*roots: object) -> Counter[str]:
    """The entries by where they are, to find what has grown."""
    seen: dict[int, object] = {}
    found: Counter[str] = Counter()
    todo: list[tuple[str, Any]] = [(type(root).__name__, root) for root in roots]
    while todo:
        name, one = todo.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one
        if isinstance(one, _TABLES):
            found[name] += len(one)
        todo.extend(_inner(name, one))
    return found


def _inner(name: str, one: Any) -> Iterator[tuple[str, Any]]:
    """What is reached from here, and what it is called."""
    if isinstance(one, dict):
        for key, value in one.items():
            yield name, key
            yield name, value
    elif isinstance(one, list | tuple | set | frozenset | deque):
        for value in one:
            yield name, value
    elif isinstance(one, types.MethodType):
        yield name, one.__self__
    elif isinstance(one, types.FunctionType):
        for cell in one.__closure__ or ():
            if cell != types.CellType():
                yield name, cell.cell_contents
    elif type(one).__module__.startswith("daemun."):
        kind = f"{type(one).__name__} {one.name}" if hasattr(one, "rank") else type(one).__name__
        slots = [slot for base in type(one).__mro__ for slot in getattr(base, "__slots__", ()) if slot[:2] != "__"]
        names = [*getattr(one, "__dict__", {}), *slots]
        for attribute in names:
            yield f"{kind}.{attribute}", getattr(one, attribute, None)
