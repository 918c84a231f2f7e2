"""From the pieces of a watch, as they come, to whole lines."""

from collections.abc import AsyncIterator

from daemun.kube.errors import UnreachableError

MAX_LINE = 32 << 20
"""An object in etcd has 1.5 MB; something longer than this is not an event."""


async def lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Every line that came to its end. What was cut off is not an event, and comes again with the next watch.

    Raises UnreachableError for a line without end.
    """
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            if line:
                yield line
        if len(rest) > MAX_LINE:
            raise UnreachableError("the API server sends a line without end")
