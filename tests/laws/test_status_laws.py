"""After any history a status holds just what we say, beside what others say; and then nobody writes any more."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.api.meta import ParentReference
from daemun.api.status import Condition, GatewayStatus, ListenerStatus, RouteParentStatus, RouteStatus, Status
from daemun.base.names import GATEWAY, Ref
from daemun.flow import Graph, Source
from daemun.gatewayapi.classes import CONTROLLERS
from daemun.kube.seen import Seen
from daemun.report.kube.merge import TYPES, change
from daemun.report.kube.writer import StatusWriter
from support.api.memoryapi import Document, MemoryApi, merged, version
from support.checks.clock import run

REFS = (Ref(GATEWAY, "HTTPRoute", "n", "r"), Ref(GATEWAY, "Gateway", "n", "g"))
TIMES = st.sampled_from(["2025-01-01T00:00:00Z", "2025-02-02T00:00:00Z"])
NAMES = st.sampled_from("abc")

conditions = st.lists(
    st.builds(
        Condition,
        st.sampled_from(["Accepted", "Programmed", "ResolvedRefs"]),
        st.sampled_from(["True", "False"]),
        st.sampled_from(["Good", "Bad"]),
        st.just(""),
        st.integers(1, 2),
    ),
    max_size=3,
    unique_by=lambda one: one.type,
).map(tuple)
routes = st.builds(
    RouteStatus,
    st.lists(
        st.builds(RouteParentStatus, st.builds(ParentReference, NAMES), st.sampled_from(CONTROLLERS), conditions),
        max_size=3,
        unique_by=lambda one: (one.parent_ref, one.controller_name),
    ).map(tuple),
)
gateways = st.builds(
    GatewayStatus,
    st.just(()),
    conditions,
    st.lists(
        st.builds(ListenerStatus, NAMES, st.just(()), st.integers(0, 3), conditions),
        max_size=3,
        unique_by=lambda one: one.name,
    ).map(tuple),
)

foreign_conditions = st.lists(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["x/A", "x/B"]), "status": st.just("True"), "lastTransitionTime": TIMES},
        optional={"extra": st.integers() | st.none()},
    ),
    max_size=2,
    unique_by=lambda one: str(one["type"]),
)
foreign_parents = st.lists(
    st.fixed_dictionaries(
        {"parentRef": st.fixed_dictionaries({"name": NAMES}), "controllerName": st.just("example.com/other")},
        optional={"conditions": foreign_conditions},
    ),
    max_size=2,
)


def is_ours(entry: Document) -> bool:
    said = (entry.get("controllerName"), CONTROLLERS), (entry.get("type"), TYPES)
    return any(isinstance(value, str) and value in known for value, known in said)


def others(status: Document) -> Document:
    """What is not ours in a status."""
    return {field: [one for one in status.get(field, []) if not is_ours(one)] for field in ("parents", "conditions")}


def ours(status: Document) -> Document:
    """What is ours in a status, as it was said: without times and the API server's defaults."""

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(one) for one in value]
        if isinstance(value, dict):
            return {
                key: plain(one)
                for key, one in value.items()
                if key != "lastTransitionTime" and (key, one) not in (("group", GATEWAY), ("kind", "Gateway"))
            }
        return value

    fields = ("parents", "conditions", "listeners")
    return {
        field: [plain(one) for one in status.get(field, []) if is_ours(one) or field == "listeners"] for field in fields
    }


def spoken(status: Status | None) -> Document:
    plain: Document = msgspec.json.decode(msgspec.json.encode(status)) if status else {}
    return ours(plain)


@given(wanted=st.lists(routes | gateways, min_size=1, max_size=4), parents=foreign_parents, beside=foreign_conditions)
def test_one_change_is_enough_and_touches_nothing_else(
    wanted: list[Status], parents: list[Document], beside: list[Document]
) -> None:
    there: Document = {"parents": parents, "conditions": beside, "somethingElse": {"a": 1}}
    before = others(there)
    for status in wanted:
        there = {**there, **change(status, msgspec.json.encode(there), "2026-01-01T00:00:00Z").fields}
        assert not change(status, msgspec.json.encode(there), "2027-01-01T00:00:00Z").fields
        assert others(there) == before
        said = spoken(status)
        assert all(ours(there)[field] == said[field] for field in msgspec.to_builtins(status) if field in said)
    assert there["somethingElse"] == {"a": 1}
    there |= change(None, msgspec.json.encode(there), "2027-01-01T00:00:00Z").fields
    assert not any(is_ours(one) for one in there["parents"])


NONSENSE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["Accepted", "True", *CONTROLLERS]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["parents", "conditions", "listeners", "parentRef", "controllerName", "type", "status", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(status=routes | gateways | st.none(), there=NONSENSE)
def test_whatever_is_there_does_no_harm(status: Status | None, there: Any) -> None:
    fields = change(status, msgspec.json.encode(there), "2026-01-01T00:00:00Z").fields
    if status is not None:
        before = there if isinstance(there, dict) else {}
        after = {field: fields.get(field, before.get(field)) for field in spoken(status) if field in fields}
        assert all(ours(after)[field] == spoken(status)[field] for field in after)


class World:
    """The writer and an API server in memory, whose watch is now and then slow."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.api.watchers.append(self._watch)
        self.statuses: Source[Ref, Status] = Source(Graph(), "statuses")
        self.loop = asyncio.get_running_loop()
        self.delay = 0.001
        self.foreign: dict[Ref, Document] = {}
        for ref in REFS:
            self.api.put(f"/{ref.kind}", {"metadata": {"name": ref.name}})
        self.start()

    def start(self) -> None:
        self.writer = StatusWriter(
            self.api.client(), self.statuses, lambda ref: f"/{ref.kind}", clock=self.loop.time, jitter=lambda: 1.0
        )
        for ref in REFS:
            self._deliver(ref, self.api.objects[f"/{ref.kind}"])
        self.task = asyncio.ensure_future(self.writer.run())
        self.writer.lead(True)

    async def restart(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.start()

    def meddle(self, ref: Ref, keep: bool, parents: list[Document], beside: list[Document]) -> None:
        """Another controller writes its part anew, and perhaps throws ours away."""
        there = self.api.objects[f"/{ref.kind}"]
        status = dict(there.get("status", {}))
        self.foreign[ref] = {"parents": parents, "conditions": beside}
        for field, theirs in self.foreign[ref].items():
            status[field] = theirs + [one for one in status.get(field, []) if keep and is_ours(one)]
        self.api.put(f"/{ref.kind}", merged(there, {"status": status}))

    def _watch(self, path: str, document: Document | None) -> None:
        ref = next(one for one in REFS if path == f"/{one.kind}")
        assert document is not None
        self.loop.call_later(self.delay, self._deliver, ref, document)

    def _deliver(self, ref: Ref, document: Document) -> None:
        status = msgspec.json.encode(document["status"]) if "status" in document else b""
        self.writer.seen(ref, Seen(version(document), status))


Step = Callable[[World], Any]
steps: st.SearchStrategy[Step] = st.one_of(
    routes.map(lambda status: lambda world: world.statuses.set(REFS[0], status)),
    gateways.map(lambda status: lambda world: world.statuses.set(REFS[1], status)),
    st.just(lambda world: world.statuses.delete(REFS[0])),
    st.builds(
        lambda ref, keep, parents, beside: lambda world: world.meddle(ref, keep, parents, beside),
        st.sampled_from(REFS),
        st.booleans(),
        foreign_parents,
        foreign_conditions,
    ),
    st.sampled_from([0.001, 0.3, 3.0]).map(lambda delay: lambda world: setattr(world, "delay", delay)),
    st.sampled_from([None, 409, 500, 503]).map(lambda code: lambda world: setattr(world.api, "fault", lambda *_: code)),
    st.just(lambda world: world.restart()),
    st.booleans().map(lambda leading: lambda world: world.writer.lead(leading)),
    st.sampled_from([0.0, 0.002, 0.1, 2.0]).map(lambda seconds: lambda _: asyncio.sleep(seconds)),
)


async def live(history: list[Step]) -> None:
    world = World()
    for step in history:
        going = step(world)
        if asyncio.iscoroutine(going):
            await going
    world.api.fault = lambda *_: None
    world.writer.lead(True)
    await asyncio.sleep(60)
    for ref in REFS:
        there = world.api.objects[f"/{ref.kind}"].get("status", {})
        status = world.statuses.get(ref)
        if status is not None or ref == REFS[0]:
            assert {k: v for k, v in ours(there).items() if ref != REFS[0] or k == "parents"} == {
                k: v for k, v in spoken(status).items() if ref != REFS[0] or k == "parents"
            }
        assert others(there) == world.foreign.get(ref, {"parents": [], "conditions": []})
    writes = world.api.writes()
    await world.restart()
    await asyncio.sleep(60)
    assert world.api.writes() == writes
    assert world.writer.pending == 0
    world.task.cancel()
    await asyncio.gather(world.task, return_exceptions=True)


@settings(max_examples=150)
@given(history=st.lists(steps, max_size=12))
def test_after_any_history_the_status_is_ours_and_theirs_and_all_is_quiet(history: list[Step]) -> None:
    run(live(history))
