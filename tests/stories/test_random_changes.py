"""Random changes at full request rate: nobody gets an answer that was not wanted at some moment of its request.

`DAEMUN_CHANGES=10000 DAEMUN_SEED=7` makes it longer, or another one.
"""

import asyncio
import os
import time
from collections import Counter

from support.clients.client import connection, exchange
from support.objects.documents import exact, gateway, listener, route, rule, service
from support.scenes.churn import HOSTS, PATH, Churn, Servers
from support.scenes.rejected import CLUSTERS
from support.scenes.spoiler import Spoiler
from support.scenes.world import World

CHANGES = int(os.environ.get("DAEMUN_CHANGES", "1000"))
SEED = int(os.environ.get("DAEMUN_SEED", "1"))
CLIENTS = 6
WORKERS = 0.5
"""Seconds within which Envoy's workers have heard of what its main thread has acknowledged: on a busy machine very few
requests are answered in between."""
SHARP = 20
"""After so many changes it is waited until the proxy has all of them: only then it is sure what must be answered."""


async def test_random_changes_under_load_and_a_cluster_that_never_gets_warm(world: World) -> None:
    servers = Servers()
    async with servers.serving("a", "b", "c", "d"):
        world.write(
            "gateway.yaml", gateway("gw", listener(world.port), listener(world.port, "w", hostname="*.wild.example"))
        )
        world.write("never.yaml", service("never", servers.ports["a"]))
        await world.start()
        assert world.app is not None
        plane = world.app.plane
        Spoiler(plane).spoil("Cluster", "Service/never", "", CLUSTERS["endpoints from nowhere"].spoil)
        world.write("to-never.yaml", route("never", rule(exact("/never"), to="never"), hosts=["never.example"]))
        churn = Churn(plane, "default/gw", servers.ports, SEED)
        churn.begin()
        await churn.settled()

        wrong: list[tuple[str, frozenset[str], str]] = []
        late: list[str] = []
        answers: Counter[str] = Counter()
        done = asyncio.Event()

        async def ask(number: int) -> None:
            async with connection(world.port) as (reader, writer):
                at = number
                while not done.is_set():
                    at += 1
                    host = HOSTS[at % len(HOSTS)]
                    began = time.monotonic()
                    got = await exchange(reader, writer, PATH, host=host)
                    answer = got.backend or str(got.status)
                    answers[answer] += 1
                    ended = time.monotonic()
                    if answer not in churn.allowed(host, began, ended):
                        allowed = churn.allowed(host, began - WORKERS, ended)
                        if answer in allowed:
                            late.append(host)
                        else:
                            wrong.append((host, allowed, repr(got)))

        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(ask(number))
            for turn in range(CHANGES):
                churn.change()
                await asyncio.sleep(churn.random.choice((0, 0, 0.001, 0.005)))
                churn.note_sync()
                if turn % SHARP == 0:
                    await churn.settled()
            await churn.settled()
            done.set()
        print(f"seed {SEED}: {churn.changes.total()} changes {dict(churn.changes)}; {dict(answers)}, {len(late)} late")
        assert wrong == [], f"seed {SEED}: {len(wrong)} of {answers.total()} answers"
        assert len(late) < answers.total() / 1000, f"seed {SEED}: {len(late)} of {answers.total()} answers are late"
        assert answers.total() > CHANGES
        assert world.problems(), "the cluster that never gets warm was there"
