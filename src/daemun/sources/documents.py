"""What a file says: its documents, each on its own.

The text is cut at lines that start with `---`, which no YAML scalar can contain, before anything is parsed. So a
broken document breaks only itself, and a document whose bytes have not changed is not parsed again.
"""

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any

import msgspec

from daemun.api.core import Secret
from daemun.api.decode import decode, identify
from daemun.base.names import Ref
from daemun.gloo.secrets.own import unfolded
from daemun.gloo.secrets.places import private
from daemun.sources import yamldoc
from daemun.sources.yamldoc import Refused

MAX_DOCUMENTS = 50_000
ALIAS_BYTES = 16 << 20
"""What the aliases of all documents of a file may expand to."""
_MARKER = b"---"
_AFTER_MARKER = frozenset((b" ", b"\t", b"\r", b"\n", b""))
_DIRECTIVES = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:[ \t\r]*(?:#[^\n]*)?\n|%[^\n]*\n)*\Z")


class Finding(msgspec.Struct, frozen=True):
    """A problem in a document; its line counts from the document's first, from 0."""

    line: int
    ref: Ref | None
    where: str
    text: str
    mend: str = ""
    warning: bool = False


class Item(msgspec.Struct, gc=False):
    """One object in a document, `within` which field (of a List). No `ref`: it could not be told what it is.

    `document`, as JSON, is kept until the object has been remembered on disk, then dropped. The `stand_in` closes what
    an object without a value was to guard.
    """

    line: int
    within: str
    ref: Ref | None
    value: object | None
    unknown: str = ""
    document: bytes | None = None
    stand_in: object | None = None


class Chunk(msgspec.Struct, gc=False):
    """A piece of a file between two document markers, parsed."""

    digest: bytes
    items: tuple[Item, ...]
    findings: tuple[Finding, ...]
    broken: bool
    """Something in it cannot even be named."""
    aliased: int
    """What its aliases expand to, in bytes."""


class Spot(msgspec.Struct, gc=False):
    """Where in the file a chunk is."""

    offset: int
    size: int
    line: int
    chunk: Chunk


def digest(text: bytes) -> bytes:
    """What a chunk is recognised by."""
    return blake2b(text, digest_size=16).digest()


def faulty(chunk: Chunk) -> bool:
    """Whether anything in it cannot be used."""
    return chunk.broken or any(item.ref is not None and item.value is None for item in chunk.items)


def read(name: str, data: bytes, before: Iterable[Spot] = (), keep: bool = False) -> tuple[Spot, ...]:
    """The chunks of a file that say anything. Those of `before` with the same bytes are taken over as they are.

    Raises Refused for a file with too many.
    """
    # A broken chunk is looked at again: it may have been refused for what the documents before it used up.
    known = {spot.chunk.digest: spot.chunk for spot in before if not spot.chunk.broken}
    budget, line, counted = ALIAS_BYTES, 0, 0
    spots: list[Spot] = []
    is_json = name.endswith(".json")
    pieces = [(0, len(data))] if is_json else list(_pieces(data))
    if len(pieces) > MAX_DOCUMENTS:
        raise Refused(0, f"has more than {MAX_DOCUMENTS:,} documents", "Split it into several files.")
    for start, end in pieces:
        line += data.count(b"\n", counted, start)
        counted = start
        text = data[start:end]
        name_of_text = digest(text)
        chunk = known.get(name_of_text)
        if chunk is None or chunk.aliased > budget:
            chunk = _chunk(name_of_text, text, budget, keep, is_json)
        budget -= chunk.aliased
        if chunk.items or chunk.findings:
            spots.append(Spot(start, end - start, line, chunk))
    return tuple(spots)


def _markers(data: bytes) -> Iterator[int]:
    """Where documents begin with a marker: `---` at the start of a line, and nothing that continues it."""
    at = 0 if data.startswith(_MARKER) else _next_marker(data, 0)
    while at is not None:
        if data[at + 3 : at + 4] in _AFTER_MARKER:
            yield at
        at = _next_marker(data, at)


def _next_marker(data: bytes, start: int) -> int | None:
    found = data.find(b"\n" + _MARKER, start)
    return None if found < 0 else found + 1


def _pieces(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of the text of each document, its marker and its directives (`%YAML 1.1`) included."""
    cuts = list(_markers(data))
    if not cuts or cuts[0] != 0:
        head = data[: cuts[0]] if cuts else b""
        if cuts and b"%" in head and _DIRECTIVES.match(head):
            cuts[0] = 0
        else:
            cuts.insert(0, 0)
    yield from zip(cuts, [*cuts[1:], len(data)], strict=True)


def _chunk(name: bytes, text: bytes, budget: int, keep: bool, is_json: bool) -> Chunk:
    reader = _Reader(text, keep)
    aliased = 0
    try:
        if is_json:
            if text.strip():
                reader.document(yamldoc.json_value(text), 0)
        else:
            text.decode()
            reader.lines = {} if b"List" in text else None
            trees = yamldoc.trees(text, min(budget, yamldoc.ALIAS_BYTES), reader.lines)
            aliased = sum(tree.aliased for tree in trees)
            reader.single = len(trees) == 1
            for tree in trees:
                reader.document(tree.value, tree.line)
    except Refused as error:
        reader.refuse(error)
    except UnicodeDecodeError as error:
        where = text.count(b"\n", 0, error.start)
        reader.refuse(Refused(where, "is not UTF-8 text", "Save it as UTF-8."))
    return Chunk(name, tuple(reader.items), tuple(reader.findings), reader.broken, aliased)


class _Reader:
    """Turns the documents of one chunk into items and findings."""

    def __init__(self, text: bytes, keep: bool) -> None:
        self.text, self.keep = text, keep
        self.items: list[Item] = []
        self.findings: list[Finding] = []
        self.broken = False
        self.single = True
        self.lines: dict[str, int] | None = None

    def refuse(self, error: Refused) -> None:
        """The whole chunk is unusable; nothing of it is taken."""
        self.items, self.broken = [], True
        self.findings = [Finding(error.line, None, "", error.text, error.mend)]

    def document(self, value: object, line: int, within: str = "") -> None:
        if value is None:
            return
        ref = identify(value)
        if not isinstance(value, dict) or ref is None:
            self.stranger(value, line, within)
            return
        inner = value.get("items")
        if ref.kind.endswith("List") and isinstance(inner, list):
            for at, each in enumerate(inner):
                path = f"{within}.items[{at}]" if within else f"items[{at}]"
                self.document(from_list(value, each), self.line(path, line), path)
            return
        self.resource(value, ref, line, within)

    def resource(self, value: dict[str, Any], ref: Ref, line: int, within: str) -> None:
        try:
            decoded = decode(value)
        except Exception as error:  # noqa: BLE001 - whatever is in a file, it must not stop the gateway
            self.find(line, within, ref, "", f"could not be understood ({type(error).__name__})", "Please report this.")
            self.items.append(Item(line, within, ref if ref.name else None, None))
            self.broken = self.broken or not ref.name
            return
        if decoded is None:
            kind = f"{value.get('apiVersion')} {ref.kind}"
            self.items.append(Item(line, within, None, None, kind))
            return
        found = unfolded(decoded.value, yamldoc.value) if isinstance(decoded.value, Secret) else decoded.value
        usable = found is not None
        for problem in decoded.problems:
            self.find(line, within, ref, problem.where, problem.text, problem.mend, problem.warning)
        named = ref if ref.name else None
        self.broken = self.broken or (named is None and not usable)
        keep = self.keep and usable and not private(found)
        document = msgspec.json.encode(value) if keep else None
        self.items.append(Item(line, within, decoded.ref if usable else named, found, "", document, decoded.stand_in))

    def stranger(self, value: object, line: int, within: str) -> None:
        """Not an object: perhaps another tool's file, perhaps one of ours with a line missing."""
        ours = not isinstance(value, dict) or bool({"kind", "apiVersion", "metadata"} & value.keys())
        self.broken = True
        self.findings.append(
            Finding(
                self.line(within, line), None, within, "is not a Kubernetes object",
                "Give it apiVersion, kind and metadata.", warning=not ours,
            )
        )  # fmt: skip

    def find(self, line: int, within: str, ref: Ref, where: str, text: str, mend: str, warning: bool = False) -> None:
        path = f"{within}.{where}" if within and where else within or where
        self.findings.append(Finding(self.line(path, line), ref, where, text, mend, warning))

    def line(self, path: str, otherwise: int) -> int:
        """The line of a field, worked out only when something is wrong or a List is taken apart."""
        if not path or not self.single:
            return otherwise
        if self.lines is None:
            self.lines = yamldoc.lines_of(self.text)
        return yamldoc.nearest(self.lines, path, otherwise)


def from_list(whole: dict[str, Any], item: object) -> object:
    """An item of a typed list (HTTPRouteList) may leave out what the list already says."""
    kind = whole.get("kind")
    if not isinstance(item, dict) or "kind" in item or not isinstance(kind, str) or kind == "List":
        return item
    return {"apiVersion": whole.get("apiVersion"), "kind": kind.removesuffix("List"), **item}
