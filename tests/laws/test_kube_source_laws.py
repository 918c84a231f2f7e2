"""Law of the Kubernetes source: after any history of changes and faults, once the API server is well again, the source
has what the server has: every object, every status, and of Secrets just those that are wanted."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from daemun.api.kinds import BY_NAME
from daemun.base.names import CORE, Ref
from daemun.kube.seen import Seen
from daemun.sources.kube.wire import Entry, Wire
from support.api.fake_api import Doc, FakeApi, Refusal
from support.api.kube_watcher import IMPATIENT, KubeWatcher, watching

NAMES = ("a/one", "a/two", "b/one")
SPECS: dict[str, tuple[Doc, ...]] = {
    "httproutes": (
        {"spec": {"hostnames": ["x.example.com"]}},
        {"spec": {"hostnames": ["y.example.com"]}},
        {"spec": {"hostnames": ["x.example.com"]}, "status": {"parents": []}},
        {"spec": {"hostnames": "not a list"}},
    ),
    "endpointslices": ({"endpoints": None}, {"endpoints": [{"addresses": ["10.0.0.1"]}]}),
    "secrets": ({"data": {"a": "Yg=="}}, {"data": {"a": "Yw=="}}),
}

changes = st.sampled_from(list(SPECS)).flatmap(
    lambda plural: st.tuples(
        st.just("put"), st.just(plural), st.sampled_from(NAMES), st.integers(0, len(SPECS[plural]) - 1)
    )
)
removals = st.tuples(st.just("delete"), st.sampled_from(list(SPECS)), st.sampled_from(NAMES), st.just(0))
wants = st.tuples(st.sampled_from(["want", "forgo"]), st.just(""), st.sampled_from(NAMES), st.just(0))
faults = st.tuples(
    st.sampled_from(
        ["cut", "compact", "silence", "speak", "stop", "start", "refuse", "uninstall", "install", "crumble", "restore"]
    ),
    st.just(""),
    st.just(""),
    st.sampled_from([404, 410, 429, 500, 503]),
)
pauses = st.sampled_from([0.0, 0.0, 0.001, 0.01, 0.05])
histories = st.lists(st.tuples(st.one_of(changes, removals, wants, faults), pauses), max_size=25)


class World:
    """An API server, a source that follows it, and what is wanted of Secrets."""

    def __init__(self, api: FakeApi, watcher: KubeWatcher) -> None:
        self.api, self.watcher = api, watcher
        self.wanted: set[str] = set()
        self.up = True
        self.routes = api.kinds["httproutes"]
        self.backup = api.backup()
        self.restored = False
        api.version += 1000  # nobody could notice a backup if by then as much had happened again

    async def do(self, what: str, plural: str, name: str, number: int) -> None:
        """One step of a history."""
        match what:
            case "put" if plural in self.api.kinds:
                self.api.put(plural, name, SPECS[plural][number])
            case "delete":
                self.api.delete(plural, name)
            case "want" | "forgo":
                self.turn(what == "want", name)
            case "refuse":
                self.api.refusals.extend([Refusal(number, bare=number == 404)] * 3)
            case "uninstall" | "install":
                self.install(what == "install")
            case "stop" | "start":
                await self.listen(what == "start")
            case _:
                self.hurt(what)

    def turn(self, wanted: bool, name: str) -> None:
        """The rules begin to read a Secret, or end it."""
        if wanted != (name in self.wanted):
            (self.wanted.add if wanted else self.wanted.remove)(name)
            (self.watcher.want if wanted else self.watcher.forgo)("Secret", name)

    def install(self, there: bool) -> None:
        """A kind comes, or goes with all its objects."""
        if there:
            self.api.kinds["httproutes"] = self.routes
        elif self.api.kinds.pop("httproutes", None):
            for _, namespace, name in [key for key in self.api.objects if key[0] == "httproutes"]:
                self.api.delete("httproutes", f"{namespace}/{name}")

    def hurt(self, how: str) -> None:
        """What needs no time."""
        match how:
            case "cut":
                self.api.cut()
            case "restore" if not self.restored:
                self.api.restore(self.backup)
                self.restored = True
            case "compact":
                self.api.compact()
            case "silence" | "speak":
                self.api.silent = how == "silence"
            case "crumble":
                self.api.piece = 5

    async def listen(self, up: bool) -> None:
        """It is there, or is not."""
        if up != self.up:
            self.up = up
            await (self.api.start() if up else self.api.stop())

    async def heal(self) -> None:
        """Nothing is wrong with it any more."""
        self.api.silent, self.api.kinds["httproutes"] = False, self.routes
        self.api.refusals.clear()
        await self.listen(True)

    def agrees(self) -> bool:
        """Whether the source has what the server has."""
        entries = [entry for entry in self.entries() if entry.ref.kind != "Secret" or str(entry.ref.key) in self.wanted]
        objects, watcher = watcher_objects(self.watcher), self.watcher
        sound = {entry.ref: entry.value for entry in entries if entry.value is not None}
        broken = {entry.ref for entry in entries if entry.problem is not None}
        seen = {entry.ref: Seen(entry.version, entry.status) for entry in entries if entry.ref.group.startswith("gate")}
        problems = {one.ref for one in watcher.batches[-1].problems} if watcher.batches else set()
        return (
            bool(watcher.batches)
            and watcher.source.complete
            and sound == {ref: value for ref, value in objects.items() if ref not in broken}
            and seen == watcher.seen
            and broken == problems
        )

    def entries(self) -> list[Entry]:
        """What the server has, decoded one by one."""
        found = []
        for (plural, _, _), document in self.api.objects.items():
            group, kind, _ = self.api.kinds[plural]
            found.append(Wire(BY_NAME[group, kind]).object(json.dumps(document).encode()))
        return found


def watcher_objects(watcher: KubeWatcher) -> dict[Ref, object]:
    return {ref: value for ref, value in watcher.objects.items() if ref.group != CORE or ref.kind == "Secret"}


async def _play(history: list[tuple[tuple[str, str, str, int], float]]) -> None:
    async with FakeApi() as api:
        api.put("httproutes", "a/first", SPECS["httproutes"][0])
        async with watching(api.url, IMPATIENT) as watcher:
            world = World(api, watcher)
            for step, pause in history:
                await world.do(*step)
                await asyncio.sleep(pause)
            await world.heal()
            await watcher.until(world.agrees, 60)


@settings(max_examples=40)
@given(histories)
def test_the_source_comes_to_have_what_the_server_has(history: list[tuple[tuple[str, str, str, int], float]]) -> None:
    asyncio.run(_play(history))
