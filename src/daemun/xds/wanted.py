"""The resources that one proxy should have, kept up to date part by part."""

from collections.abc import Collection, Iterable, Mapping

from daemun.base.digest import MODULUS, version
from daemun.ir.resource import CLUSTER, Part, PartKey, encode

HEAD = ""
"""The name of the part that goes first when a resource's parts are joined."""

Changes = dict[str, dict[str, set[str]]]
"""What an update touched: type URL → resource → parts."""


class Resource:
    """One wanted resource: its parts, their encoded bytes, and the running sum of their digests."""

    __slots__ = ("_encoded", "_listed", "digest", "parts")

    def __init__(self) -> None:
        self.parts: dict[str, Part] = {}
        self.digest = 0
        # The head has its place from the start, so that it is joined first whenever it arrives.
        self._encoded: dict[str, bytes] = {HEAD: b""}
        self._listed: frozenset[bytes] | None = None

    @property
    def version(self) -> str:
        """The content of the resource as an xDS version."""
        return version(self.digest)

    @property
    def listed(self) -> frozenset[bytes]:
        """What its parts that lead to other resources find there. Very many may ask after a change of one of those."""
        if self._listed is None:
            lists = (value for value in self.parts.values() if leads(value))
            self._listed = frozenset(leaf.identity for value in lists for leaf in value.leaves)
        return self._listed

    def version_with(self, instead: Mapping[str, Part | None]) -> str:
        """The version of what `body(instead)` returns: other content is another version."""
        value = self.digest
        for name, part in instead.items():
            own = self.parts.get(name)
            value += (part.digest if part else 0) - (own.digest if own else 0)
        return version(value % MODULUS)

    def body(self, instead: Mapping[str, Part | None]) -> bytes:
        """The bytes of the resource, with some of its parts replaced (or left out, where there is None), or added."""
        if not instead:
            return b"".join(self._encoded.values())
        replaced = {name: encode(part) if part else b"" for name, part in instead.items()}
        return b"".join({**self._encoded, **replaced}.values())

    def replace(self, name: str, part: Part | None) -> bool:
        """Set or remove one part; says whether that changed anything."""
        old = self.parts.get(name)
        if old == part:
            return False
        if leads(old) or leads(part):
            self._listed = None
        self.digest = (self.digest - (old.digest if old else 0) + (part.digest if part else 0)) % MODULUS
        if part:
            self.parts[name] = part
            self._encoded[name] = encode(part)
            return True
        del self.parts[name]
        if name == HEAD:
            self._encoded[HEAD] = b""
        else:
            del self._encoded[name]
        return True


class Wanted:
    """All resources that one proxy should have. An update costs what it touches."""

    def __init__(self) -> None:
        self._types: dict[str, dict[str, Resource]] = {}
        self._late: set[str] = set()
        """The clusters that wait for others than us."""

    def __bool__(self) -> bool:
        return any(self._types.values())

    def apply(self, changes: Iterable[tuple[PartKey, Part | None]]) -> Changes:
        """Set parts, or remove them (None). A resource without parts does not exist."""
        touched: Changes = {}
        for key, part in changes:
            resources = self._types.setdefault(key.type_url, {})
            resource = resources.get(key.resource)
            if resource is None:
                if part is None:
                    continue
                resource = resources[key.resource] = Resource()
            if resource.replace(key.part, part):
                touched.setdefault(key.type_url, {}).setdefault(key.resource, set()).add(key.part)
                if key.type_url == CLUSTER:
                    (self._late.add if late(resource.parts.values()) else self._late.discard)(key.resource)
                if not resource.parts:
                    del resources[key.resource]
        return touched

    def get(self, type_url: str, name: str) -> Resource | None:
        """The resource, if it is wanted."""
        return self.of_type(type_url).get(name)

    def parts(self, type_url: str, name: str) -> Collection[Part]:
        """The parts of a resource; none if it is not wanted."""
        resource = self.get(type_url, name)
        return resource.parts.values() if resource else ()

    def prompt(self, type_url: str, names: Collection[str]) -> Collection[str]:
        """Of these resources, those that wait for nobody else to become warm: all but some clusters."""
        if type_url != CLUSTER:
            return names
        fewer, others = sorted((self._late, names), key=len)  # a client may ask for very many that do not exist
        slow = {name for name in fewer if name in others}
        return [name for name in names if name not in slow] if slow else names

    def of_type(self, type_url: str) -> Mapping[str, Resource]:
        """The wanted resources of a type, by name."""
        return self._types.get(type_url, {})


def leads(value: Part | None) -> bool:
    """Whether the leaves of this part lead to other resources: what leads stands last in it."""
    return value is not None and bool(value.leaves) and bool(value.leaves[-1].leads)


def late(parts: Iterable[Part | None]) -> bool:
    """Whether what these are of becomes warm only when others than us have answered the client."""
    return any(leaf.late for part in parts if part for leaf in part.leaves)
