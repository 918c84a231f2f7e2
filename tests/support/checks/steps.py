"""How often something that waits is woken: for a control plane that has little to do that is most of what it does."""

import types
from collections.abc import Coroutine, Generator
from typing import Any


class Steps:
    """Runs something, as `asyncio.create_task(steps.of(...))`, and counts the steps that it takes."""

    def __init__(self) -> None:
        self.taken = 0

    async def of(self, work: Coroutine[Any, Any, None]) -> None:
        """The same work, counted."""
        await self._counted(work)

    @types.coroutine
    def _counted(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        error: BaseException | None = None
        while True:
            self.taken += 1
            try:
                waits = work.send(None) if error is None else work.throw(error)
            except StopIteration:
                return
            try:
                yield waits
            except BaseException as raised:  # noqa: BLE001 - it is the work's, as if nobody counted
                error = raised
            else:
                error = None
