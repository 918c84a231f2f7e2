"""The same objects are the same bytes in every process, so that a restart without changes sends nothing.

Protobuf's maps are the trap: the order of their entries is another one in each process if nobody asks for one.
"""

import asyncio
import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
PROCESSES = 4
WORLD = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from golden.test_golden import CASES, load, name
for case in CASES:
    for key, part in sorted(load(case).resources.items()):
        print(name(case), *key, format(part.digest, "x"))
"""


async def test_every_process_makes_the_same_bytes() -> None:
    made = [await asyncio.create_subprocess_exec(sys.executable, "-c", WORLD, stdout=-1) for _ in range(PROCESSES)]
    first, *others = [set((await one.communicate())[0].decode().splitlines()) for one in made]
    assert len(first) > 1000
    for other in others:
        assert sorted(first ^ other) == []
