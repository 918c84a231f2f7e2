"""Whoever reads is told, in all that a client is sent: whatever waits, is refused, or comes and goes."""

import re
from itertools import count

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from xds_talk import Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.ir.resource import CLUSTER, ENDPOINT, ROUTE, Leaf, Part, PartKey, part

_WORDS = re.compile(rb"<(quiet|loud|reads|plain) (\d+)>")
PLACES = ("guard", "a", "b", "c")
"""One leaf that tells, for all, and three of which any may read; the second of them tells, too."""


class Step(msgspec.Struct, frozen=True):
    """A leaf that is new, or (without a place) a cluster that becomes warm; then what is sent arrives, or not yet."""

    place: str
    reads: bool
    waits: bool
    bad: bool
    gone: bool
    later: bool
    seconds: int


class World:
    """A session, and what is wanted of it."""

    def __init__(self) -> None:
        self.talk, self.numbers = Talk(), count()
        self.leaves: dict[str, Leaf] = {}
        self.poison: list[str] = []
        self.talk.apply(whole(ROUTE, "r", "head"), self.part(), cluster("c"), endpoints("c"))
        self.talk.ask(CLUSTER)
        self.talk.ask(ROUTE, "r")

    def leaf(self, step: Step) -> Leaf:
        number = next(self.numbers)
        tells = step.place in PLACES[:1] or (step.place == "b" and not step.reads)
        words = [f"{word} {number}" for word in (("quiet", "loud") if tells else ("reads" if step.reads else "plain",))]
        if step.bad:
            self.poison += words
        made = leaf(step.place, words[0], ("c",) if step.waits else ())
        made = msgspec.structs.replace(made, covers=step.place == "guard", identity=step.place.encode())
        if tells:
            return msgspec.structs.replace(made, forms=(made.data, f"<{words[1]}>".encode()))
        return msgspec.structs.replace(made, reads=step.reads)

    def take(self, step: Step) -> None:
        self.talk.now += step.seconds
        if not step.place:
            self.talk.ask(ENDPOINT, "c")
        elif step.gone:
            self.leaves.pop(step.place, None)
        else:
            self.leaves[step.place] = self.leaf(step)
        self.talk.apply(self.part())
        if not step.later:
            self.settle()

    def part(self) -> tuple[PartKey, Part]:
        kept = [self.leaves[place] for place in PLACES if place in self.leaves]
        return key(ROUTE, "r", "v"), part("v", [leaf("frame", "frame"), *kept])

    def settle(self) -> None:
        for response in self.talk.settle(*self.poison):
            if response.type_url == ROUTE:
                for body in bodies(response).values():
                    found = {word for word, _ in _WORDS.findall(body)}
                    assert not {b"quiet", b"reads"} <= found, body


steps = st.builds(
    Step,
    st.sampled_from((*PLACES, "")),
    *(st.booleans() for _ in range(5)),
    st.sampled_from((0, 1, 10, 100)),
)


@given(st.lists(steps, max_size=12))
def test_whoever_reads_is_told(history: list[Step]) -> None:
    world = World()
    for step in history:
        world.take(step)
    world.settle()
    world.talk.ask(ENDPOINT, "c")
    world.talk.now += 1000
    world.poison.clear()
    world.settle()
    _, wanted = world.part()
    assert world.talk.have["r"] == b"<head>" + b"".join(one.data for one in wanted.leaves)
