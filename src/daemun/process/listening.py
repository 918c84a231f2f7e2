"""The end of a server of asyncio's."""

import asyncio

_STEPS = 3
"""Turns of the loop from a connection that was accepted until who serves it has begun: a transport is made, is told of
(`connection_made`), and a handler that is a task does its first step."""


async def stop_listening(server: asyncio.Server) -> None:
    """Let nobody in any more; whoever was let in is known to who serves connections when this returns.

    `Server.close` alone loses those that came in the same turn of the loop: asyncio fails on them without a word, and
    leaves their sockets open until they are collected as garbage. Their clients wait for answers meanwhile.
    """
    loop = asyncio.get_running_loop()
    for one in server.sockets:
        loop.remove_reader(one.fileno())
    for _ in range(_STEPS):
        await asyncio.sleep(0)
    server.close()
