"""What a file stands for: what it says now and, where that is broken, what it said last.

`view` is a pure function of the file's content and of the view before, and applying it twice changes nothing. The
view before is the file's memory.
"""

from collections.abc import Iterator

import msgspec

from daemun.base.names import Ref
from daemun.sources.batch import FileProblem
from daemun.sources.beneath import Unusable
from daemun.sources.documents import Item, Spot

KEPT = "what it said before stays in force"
_NONE_KNOWN = -1


class Claim(msgspec.Struct, gc=False):
    """An object as a file has it. `held` when it is the last good version of something that is broken now; a `stand_in`
    when there is none, and it closes what the object was to guard.

    `chunk` is its place among the documents, `line` counts from 1, `item` has a document while it is not on disk yet.
    """

    value: object
    line: int
    chunk: int
    within: str
    held: bool = False
    item: Item | None = None
    stand_in: bool = False


class View(msgspec.Struct, gc=False):
    """A file's objects, its problems, and the kinds in it that Daemun does not know (how many, and first line)."""

    claims: dict[Ref, Claim]
    chunks: int
    problems: tuple[FileProblem, ...] = ()
    unknown: dict[str, tuple[int, int]] = msgspec.field(default_factory=dict)
    empty: bool = False


def remembered(objects: dict[Ref, object]) -> View:
    """The view of a file that is only known from the last run."""
    return View({ref: Claim(value, 0, 0, "", held=True) for ref, value in objects.items()}, _NONE_KNOWN)


def unusable(file: str, why: Unusable | None, before: View | None) -> View:
    """The view of a file that cannot be read: everything stays as it was."""
    claims = {ref: msgspec.structs.replace(claim, held=True) for ref, claim in before.claims.items()} if before else {}
    text = f"{why.text}; {KEPT}" if why and claims else why.text if why else ""
    problems = (FileProblem(file, 0, None, "", text, why.mend),) if why else ()
    return View(claims, before.chunks if before else _NONE_KNOWN, problems)


def view(file: str, spots: tuple[Spot, ...], before: View | None) -> View:
    """The view of a file that could be read."""
    old = before.claims if before else {}
    claims: dict[Ref, Claim] = {}
    problems: list[FileProblem] = []
    broken: list[tuple[int, Spot, Item]] = []
    for at, spot, item in _items(spots):
        if item.ref is None or item.value is None:
            broken.append((at, spot, item))
            continue
        line = spot.line + item.line + 1
        first = claims.get(item.ref)
        if first is None:
            claims[item.ref] = Claim(item.value, line, at, item.within, item=item)
        elif first.value != item.value:  # said twice in the same words is no contradiction
            problems.append(duplicate(file, line, item.ref, file, first.line))
    for at, spot, item in broken:
        if item.ref is None or item.ref in claims:
            continue
        line, last = spot.line + item.line + 1, old.get(item.ref)
        if last is not None and not last.stand_in:
            claims[item.ref] = Claim(last.value, line, at, item.within, True, last.item)
        elif item.stand_in is not None:
            claims[item.ref] = Claim(item.stand_in, line, at, item.within, stand_in=True)
    for ref, at in _vanished(spots, claims, before):
        claims[ref] = Claim(old[ref].value, spots[at].line + 1, at, "", True, old[ref].item)
    problems += _findings(file, spots, claims)
    return View(claims, len(spots), tuple(problems), _unknown(spots), not spots)


def duplicate(file: str, line: int, ref: Ref, first: str, first_line: int) -> FileProblem:
    """The problem of an object that is defined again."""
    text = f"is defined already in {first}:{first_line}; that one counts, not this one in {file}:{line}"
    return FileProblem(file, line, ref, "", text, "Remove one of them.")


def _items(spots: tuple[Spot, ...]) -> Iterator[tuple[int, Spot, Item]]:
    for at, spot in enumerate(spots):
        for item in spot.chunk.items:
            yield at, spot, item


def _vanished(spots: tuple[Spot, ...], claims: dict[Ref, Claim], before: View | None) -> list[tuple[Ref, int]]:
    """Objects that are missing now and may be what an unreadable document was, with the place of that document.

    When there are as many documents as before, the broken ones are taken to be what was in their place. When that
    explains nothing for one of them, everything that is missing is kept: rather one object too many than a hole.
    """
    gaps = [at for at, spot in enumerate(spots) if spot.chunk.broken]
    if not gaps or before is None:
        return []
    missing = [(ref, claim.chunk) for ref, claim in before.claims.items() if ref not in claims]
    if before.chunks == len(spots):
        there = [(ref, at) for ref, at in missing if at in gaps]
        if {at for _, at in there} == set(gaps):
            return there
    return [(ref, at if at in gaps and before.chunks == len(spots) else gaps[0]) for ref, at in missing]


def _findings(file: str, spots: tuple[Spot, ...], claims: dict[Ref, Claim]) -> Iterator[FileProblem]:
    held = {claim.chunk for claim in claims.values() if claim.held}
    for at, spot in enumerate(spots):
        for found in spot.chunk.findings:
            claim = claims.get(found.ref) if found.ref is not None else None
            kept = claim.held if claim is not None else found.ref is None and at in held
            text = f"{found.text}; {KEPT}" if kept and not found.warning else found.text
            yield FileProblem(file, spot.line + found.line + 1, found.ref, found.where, text, found.mend, found.warning)


def _unknown(spots: tuple[Spot, ...]) -> dict[str, tuple[int, int]]:
    unknown: dict[str, tuple[int, int]] = {}
    for _, spot, item in _items(spots):
        if item.unknown:
            count, line = unknown.get(item.unknown, (0, spot.line + item.line + 1))
            unknown[item.unknown] = (count + 1, line)
    return unknown
