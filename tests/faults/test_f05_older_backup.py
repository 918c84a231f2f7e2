"""F5: etcd is restored from an older backup: the API server's versions go back.

It passes when everything is listed again and comes to be as in the backup, nothing crashes, and a steady client has no
failed request.
"""

import asyncio

from cluster import crds
from cluster.api import ApiServer
from support.scenes.gate import gate


async def test_what_the_backup_has_is_served(own_api_server: ApiServer) -> None:
    crds.install(own_api_server.client)
    async with gate(own_api_server, "backup") as one:
        one.route("before", "/before")
        await asyncio.to_thread(own_api_server.save)
        await one.serve()
        [daemun] = one.replicas
        for number in range(20):
            one.route(f"lost-{number}")
        one.remove("before")
        await one.serves("lost-19", "/")
        await one.serves("before", "404")
        lists = await daemun.figures("daemun_watch_lists_total")
        with one.steady():
            await asyncio.to_thread(own_api_server.restore)
            await one.serves("before", "/before")
            await one.serves("lost-19", "404")
            one.route("after", "/after")
            await one.serves("after", "/after")
        after = await daemun.figures("daemun_watch_lists_total")
        assert after["HTTPRoute"] == lists["HTTPRoute"] + 1
        assert await daemun.ready()
