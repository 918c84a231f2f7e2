"""Random changes of whole worlds at full request rate: of hosts, listeners, routes, backends, grants and policies.

What each request may be answered is said by Gateway API (`support.fuzz`), not by the code under test.

`DAEMUN_CHANGES=10000 DAEMUN_SEED=7` makes it longer, or another one; the seed alone decides what is changed.
"""

import asyncio
import os
import random
from collections import Counter

from support.fuzz.changes import Changes
from support.fuzz.clients import backends
from support.fuzz.play import Play
from support.fuzz.settings import Ports
from support.scenes.world import World
from support.worlds.crowds import thresholds

CHANGES = int(os.environ.get("DAEMUN_CHANGES", "60"))
SEED = int(os.environ.get("DAEMUN_SEED", "1"))
CLIENTS = 4
BOUNDS = ((6, 10), (50, 100), (15, 30))
"""From how many wildcards of a port, and routes of a host, there is a crowd; the middle ones are the real ones."""
PAUSES = (0, 0, 0.001, 0.005, 0.05)
BURST = 3
"""At most so many changes are under way."""


async def test_no_answer_is_wrong_while_a_world_changes_at_random(world: World) -> None:
    wildcards, routes = BOUNDS[SEED % len(BOUNDS)]
    ports = Ports()
    pauses = random.Random(f"{SEED}/pauses")  # noqa: S311 - the same each time
    async with backends() as servers:
        with thresholds(wildcards, routes):
            changes = Changes(SEED, servers, ports, wildcards, routes)
            objects = changes.beginning()
            world.write("all.yaml", list(objects.every.values()))
            await world.start(clean=False)
            assert world.app is not None
            play = Play(world.app.plane, objects, ports, SEED)
            await play.settled()
            done: Counter[str] = Counter()
            async with asyncio.TaskGroup() as clients:
                for number in range(CLIENTS):
                    clients.create_task(play.ask(number))
                while done.total() < CHANGES and not play.wrong:
                    for _ in range(pauses.randint(1, BURST)):
                        name, change = changes.next(play.history.now.objects)
                        play.change(name, change)
                        done[name] += 1
                        await asyncio.sleep(pauses.choice(PAUSES))
                        play.look()
                    await play.settled()
                    await play.check(f"{SEED}/{done.total()}")
                play.end()
    told = "\n".join(map(str, play.wrong[:5]))
    print(f"seed {SEED}: {done.total()} changes {dict(done)}; {dict(play.answers)}, {play.late} late")
    assert not play.wrong, f"seed {SEED}, after {done.total()} changes, {len(play.wrong)} answers:\n{told}"
    assert play.late <= play.answers.total() / 200, f"seed {SEED}: {play.late} answers are late"
    assert play.answers.total() > CHANGES
