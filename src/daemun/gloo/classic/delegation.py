"""Delegation: the routes of a VirtualService, and in the places of those that delegate, the routes of RouteTables.

A RouteTable that delegates to no other is a `Limb` wherever it stands: of it only what says where that is is looked at
here, so that a change of its routes is none of the VirtualService's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.matchers import Matcher
from daemun.api.gloo.virtual_service import DelegateAction, Route, RouteTable, RouteTableSelector
from daemun.base.names import GLOO_GATEWAY, Name, Ref
from daemun.flow import Collection, Index, Reader
from daemun.gatewayapi.findings import place
from daemun.gloo.classic.labels import ALL_NAMESPACES, selects
from daemun.gloo.classic.matchers import Asked, Inherited, Mismatch, below, path_of, specificity
from daemun.gloo.classic.report import Report
from daemun.gloo.settings.scope import Scope
from daemun.ir.route import Way

KIND = "RouteTable"
MOST = 20_000
"""Routes of one VirtualService, those of limbs by their size, which is more than half of what they have: RouteTables
that delegate to each other twice and twice again come to any number.
"""
_ROUTES = "spec.routes"
_ONE_PREFIX = "Give it one matcher with a prefix, or none."


Order = tuple[str | int, ...]
_STEP = 5
"""A step of an order: a route that delegates, and of a RouteTable that it delegates to its weight, what sorts the paths
of its routes, its namespace and its name.
"""


class Label(NamedTuple):
    """A label of RouteTables; with an empty key: any RouteTable of the namespace, or of all if that is empty."""

    namespace: str
    key: str = ""
    value: str = ""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """A RouteTable without its routes. `leaf`: it delegates to no other. `size`: how many it has, at least."""

    name: Name
    labels: Mapping[str, str]
    weight: int
    leaf: bool
    size: int


def facts_rule(_: Reader, name: Name, table: RouteTable) -> Iterator[tuple[Name, Facts]]:
    """From a RouteTable to what those who delegate to it need to know. Its size is told in powers of two: a route more
    is seldom their affair.
    """
    routes = table.spec.routes
    leaf = all(one.delegate_action is None for one in routes)
    size = 1 << max(len(routes).bit_length() - 1, 0)
    yield name, Facts(table.name, table.metadata.labels, table.spec.weight or 0, leaf, size)


def labels_of(name: Name, facts: Facts) -> Iterator[Label]:
    """What a RouteTable can be found by; for an index."""
    for namespace in (name.namespace, ""):
        yield Label(namespace)
        for key, value in facts.labels.items():
            yield Label(namespace, key, value)


class Tables(NamedTuple):
    """The RouteTables there are."""

    written: Collection[Name, RouteTable]
    facts: Collection[Name, Facts]
    by_label: Index[Label, Name, Facts]


class Placing(msgspec.Struct, frozen=True, gc=False):
    """A route in its place: the object it is written in, its matchers, and the routes above it, the next one first.

    `order` is where it stands among all of its VirtualService.
    """

    by: Ref
    where: str
    asked: tuple[Asked, ...]
    route: Route
    above: tuple["Placing", ...] = ()
    order: Order = ()


class Limb(msgspec.Struct, frozen=True, gc=False):
    """A RouteTable below a route of a VirtualService (`root`) or of a RouteTable, with what its routes have of that."""

    root: Ref
    table: Name
    inherited: Inherited
    placing: Placing
    order: tuple[str | int | None, ...]

    @property
    def key(self) -> Way:
        """What tells it apart from all else of its VirtualService: the routes and RouteTables that lead to it."""
        steps = (self.order[at : at + _STEP] for at in range(0, len(self.order), _STEP))
        return Way(*self.root, (), "/".join(f"{index:05}/{namespace}/{name}" for index, _, _, namespace, name in steps))


class Flattening:
    """The routes of one VirtualService, and what is found on the way; its `limbs` apart."""

    def __init__(self, reader: Reader, tables: Tables, scope: Scope, report: Report, root: Ref) -> None:
        self._reader = reader
        self._tables = tables
        self._scope = scope
        self._report = report
        self._count = 0
        self._root = root
        self.limbs: list[Limb] = []

    def trunk(self, where: str, routes: Iterable[Route]) -> tuple[Placing, ...]:
        """The routes of the VirtualService, in order, those that delegate replaced or taken off as limbs."""
        return tuple(sorted(self._routes(self._root, where, routes), key=_order))

    def whole(self, where: str, routes: Iterable[Route]) -> tuple[Placing, ...]:
        """The routes of the VirtualService, in order, with those of its limbs."""
        found = [*self.trunk(where, routes), *(one for limb in self.limbs for one in self.limb(limb))]
        return tuple(sorted(found, key=_order))

    def limb(self, limb: Limb) -> tuple[Placing, ...]:
        """The routes of a limb, in order."""
        table = self._reader.get(self._tables.written, limb.table)
        if table is None:
            return ()
        ref = Ref(GLOO_GATEWAY, KIND, *limb.table)
        above = (limb.placing, *limb.placing.above)
        found = self._routes(ref, _ROUTES, table.spec.routes, limb.inherited, above, limb.order)
        return tuple(sorted(found, key=_order))

    def _routes(
        self,
        by: Ref,
        where: str,
        routes: Iterable[Route],
        parent: Inherited | None = None,
        above: tuple[Placing, ...] = (),
        order: tuple[str | int | None, ...] = (),
    ) -> Iterator[Placing]:
        """The routes of an object, those that delegate replaced. In `order` None stands for what sorts paths."""
        for index, route in enumerate(routes):
            here = place(where, index)
            if not self._counted(1):
                return
            asked = self._asked(by, here, route, parent)
            if asked is None:
                continue
            if route.delegate_action is not None:
                placing = Placing(by, here, asked, route, above)
                yield from self._delegated(placing, route.delegate_action, parent, (*order, index))
            else:
                rank = specificity(one.matcher for one in asked) if None in order else 0
                standing = (*(rank if one is None else one for one in order), index)
                yield Placing(by, here, asked, route, above, standing)

    def _counted(self, more: int) -> bool:
        """Whether there may be so many more routes."""
        self._count += more
        if self._count > MOST:
            text = f"with all that it delegates to it has more than {MOST} routes"
            self._report.error(self._root, "TooManyRoutes", "", text, "Delegate to less.")
        return self._count <= MOST

    def _asked(self, by: Ref, where: str, route: Route, parent: Inherited | None) -> tuple[Asked, ...] | None:
        """The matchers of a route, below those of the route that delegates to it; None when it can never be reached."""
        written = [Asked(place(f"{where}.matchers", at), one) for at, one in enumerate(route.matchers)]
        if parent is None:
            return tuple(written) or (Asked(where, Matcher()),)
        try:
            if not written:
                return (Asked(where, below(parent, None)),)
            return tuple(Asked(at, below(parent, one)) for at, one in written)
        except Mismatch as why:
            self._report.warning(by, "MatcherMismatch", where, f"{why}: the route is left out")
            return None

    def _delegated(
        self,
        placing: Placing,
        action: DelegateAction,
        parent: Inherited | None,
        order: tuple[str | int | None, ...],
    ) -> Iterator[Placing]:
        by, where, route = placing.by, placing.where, placing.route
        at = f"{where}.delegateAction"
        paths = _either(route.inheritable_path_matchers, bool(parent and parent.paths))
        conditions = _either(route.inheritable_matchers, bool(parent and parent.conditions))
        if len(placing.asked) > 1:
            text = "a route that delegates has one matcher at most"
            self._report.error(by, "InvalidMatcher", f"{where}.matchers", text, _ONE_PREFIX)
            return
        matcher = placing.asked[0].matcher
        if not paths and path_of(matcher)[0] != "Start":
            text = "a route that delegates is for a prefix"
            self._report.error(by, "InvalidMatcher", placing.asked[0].where, text, _ONE_PREFIX)
            return
        inherited = Inherited(matcher, paths, conditions)
        seen = {by, *(one.by for one in placing.above)}
        found = list(self._tables_of(by, at, action))
        if action.ref is None and not found and action.selector is not None:
            self._report.warning(by, "RouteTableNotFound", f"{at}.selector", "no RouteTable is selected")
        weights = Counter(one.weight for one in found)
        for one in found:
            rank = None if weights[one.weight] > 1 or self._scope.by_path else 0
            below_it = (*order, one.weight, rank, *one.name)
            if one.leaf:
                if not self._counted(one.size):
                    return
                self.limbs.append(Limb(self._root, one.name, inherited, placing, below_it))
            else:
                yield from self._table(one.name, inherited, placing, seen, below_it)

    def _table(
        self,
        name: Name,
        inherited: Inherited,
        placing: Placing,
        seen: set[Ref],
        order: tuple[str | int | None, ...],
    ) -> Iterator[Placing]:
        ref = Ref(GLOO_GATEWAY, KIND, *name)
        if ref in seen:
            text = f"it delegates to itself by way of {placing.by} {placing.where}"
            self._report.error(ref, "DelegationCycle", _ROUTES, text, "Break the cycle.")
            return
        table = self._reader.get(self._tables.written, name)
        routes = table.spec.routes if table else ()
        yield from self._routes(ref, _ROUTES, routes, inherited, (placing, *placing.above), order)

    def _tables_of(self, by: Ref, at: str, action: DelegateAction) -> Iterator[Facts]:
        """The RouteTables that are delegated to, by name or in the order of their names."""
        if action.selector is not None:
            yield from self._selected(by.namespace, action.selector)
            return
        ref = action.ref or ResourceRef(action.name, action.namespace)
        name = Name(ref.namespace or by.namespace, ref.name)
        table = self._reader.get(self._tables.facts, name) if self._scope.watches(name.namespace) else None
        if table is None:
            self._report.absent(by, "RouteTableNotFound", at, Ref(GLOO_GATEWAY, KIND, *name))
        else:
            yield table

    def _selected(self, home: str, selector: RouteTableSelector) -> Iterator[Facts]:
        namespaces = dict.fromkeys(selector.namespaces or (home,))
        everywhere = ALL_NAMESPACES in namespaces
        key, value = next(iter(sorted(selector.labels.items())), ("", ""))
        found: dict[Name, Facts] = {}
        for namespace in ("",) if everywhere else namespaces:
            for table in self._reader.find(self._tables.by_label, Label(namespace, key, value)):
                found[table.name] = table
        for name, table in sorted(found.items()):
            if self._scope.watches(name.namespace) and selects(table.labels, selector.labels, selector.expressions):
                yield table


def _either(said: bool | None, otherwise: bool) -> bool:
    """What a route says of itself or, if it says nothing, what holds above it."""
    return otherwise if said is None else said


def _order(placing: Placing) -> Order:
    return placing.order
