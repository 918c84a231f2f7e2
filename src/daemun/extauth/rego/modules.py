"""Modules in Rego, in a folder, as far as OPA and we allow them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path

from daemun.extauth.rego import bound

FORBIDDEN = frozenset(
    (
        "http.send",
        "json.match_schema",  # a schema may refer to others by URL
        "json.verify_schema",
        "net.lookup_ip_addr",
        "opa.runtime",
        "providers.aws.sign_req",
    )
)
"""Functions that reach the network or the environment."""
V0 = "--v0-compatible"
"""The flag for Rego as it was before OPA 1.0, which Gloo's users write."""
DECISION = "daemun_decision"
"""The variable that has what comes of a query."""
MEMORY = 4 << 30
"""Address space of an OPA, in bytes: what Go sets aside and does not use counts too."""
_SECONDS = 20.0
_QUERY_TIMEOUT = "5s"


class ModulesError(Exception):
    """Modules that are not loaded, and why in OPA's words."""


def write(modules: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Each in a file of its own, whose name is nobody's to choose; by these, what they are called by who wrote them."""
    folder.mkdir()
    called: dict[str, str] = {}
    for number, (name, text) in enumerate(sorted(modules.items())):
        file = folder / f"{number}.rego"
        file.write_text(text)
        called[str(file)] = name
    return called


def in_their_words(said: str, called: Mapping[str, str]) -> str:
    """What OPA says of files, said of what is called otherwise by who wrote it."""
    for file, name in called.items():
        said = said.replace(file, name)
    return said


async def checked(opa: str, folder: Path, query: str, environment: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """The flags with which OPA takes the modules, and the query over them as it is to be asked. Raises ModulesError.

    OPA's API says of a query which variables it binds, and not what comes of an expression: `input.x == 1` is answered
    for any x. So the query's value is bound to `DECISION`. What cannot be bound (`some …`, `x := …`, `not …`) becomes
    one of two expressions, all of which must then be true.
    """
    capabilities = folder.with_name("capabilities.json")
    capabilities.write_text(_without_network(await _run(opa, environment, "capabilities", "--current")))
    limits = ("--capabilities", str(capabilities))
    flags: tuple[str, ...] = ()
    try:
        await _run(opa, environment, "check", *limits, str(folder))
    except ModulesError:
        await _run(opa, environment, "check", V0, *limits, str(folder))
        flags = (V0,)
    # A query is looked at by being asked once, about nothing.
    about = ("--data", str(folder), "--timeout", _QUERY_TIMEOUT)
    look = ("eval", *flags, *limits, *about, "--format", "discard", "--")
    asked = f"{DECISION} := {query}"
    try:
        await _run(opa, environment, *look, asked)
    except ModulesError:
        await _run(opa, environment, *look, query)
        asked = f"true; {query}"
        await _run(opa, environment, *look, asked)
    return flags, asked


def _without_network(text: str) -> str:
    found = json.loads(text)
    found["builtins"] = [one for one in found["builtins"] if one["name"] not in FORBIDDEN]
    found["allow_net"] = []
    return json.dumps(found)


def bounded(opa: str) -> tuple[str, ...]:
    """A command line that becomes OPA within its bounds: modules need no more than to be looked at to take memory."""
    return (sys.executable, "-I", bound.__file__, str(os.getpid()), str(MEMORY), opa)


async def _run(opa: str, environment: Mapping[str, str], *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(*bounded(opa), *arguments), stdin=DEVNULL, stdout=PIPE, stderr=PIPE, env=dict(environment)
    )
    try:
        async with asyncio.timeout(_SECONDS):
            out, error = await process.communicate()
    except TimeoutError:
        raise ModulesError("it took too long to look at them") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise ModulesError(" ".join((error or out).decode(errors="replace").split())[:300])
    return out.decode()
