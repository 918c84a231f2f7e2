"""F13: a kind cannot be listed when the control plane starts.

It passes when the control plane is not ready and sends nothing, proxies keep what they have (a steady client has no
failed request), and everything is served as soon as the list is there.
"""

from support.api.doorman import Doorman
from support.clients.client import ask
from support.scenes.gate import Gate
from support.scenes.world import until


async def test_who_does_not_know_everything_says_nothing(gate: Gate) -> None:
    async with Doorman(gate.api.client) as doorman:
        await gate.serve(doorman.kubeconfig(gate.folder / "config"))
        [daemun] = gate.replicas
        with gate.steady() as client:
            await daemun.kill()
            gate.route("late", "/late")
            doorman.hangs = "/httproutes"
            await daemun.start()

            async def others_are_there() -> bool:
                synced = await daemun.figures("daemun_watch_synced")
                return synced.pop("HTTPRoute", None) == 0 and len(synced) > 5 and all(synced.values())

            await until(others_are_there)
            answer = await ask(daemun.health_port, "/readyz")
            assert (answer.status, b"sources" in answer.body) == (503, True)
            await until(lambda: client.answers["302"] > 100)
            assert await daemun.total("daemun_xds_streams_total") == 0
            assert [await gate.where(name) for name in ("steady", "late")] == ["/", "404"]
            doorman.hangs = ""
            await until(daemun.ready)
            await gate.serves("late", "/late")
        assert await gate.removed() == 0
