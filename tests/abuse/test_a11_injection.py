"""A11: what users write is data. None of it gets into code or format strings, and none of it breaks the others' ones.

Every text of every golden case is lengthened by what ends strings, comments, formats and scripts elsewhere, wherever
its API allows that.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from envoy.extensions.filters.http.lua.v3 import lua_pb2
from google.protobuf import any_pb2, descriptor_pool
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from daemun.api.decode import decode
from daemun.translate import Translation
from support.checks.render import messages
from support.envoys import envoy
from support.objects.cases import documents, translation
from support.objects.documents import Doc, gateway, listener, prefix, route, rule, use
from support.scenes.world import World

_GOLDEN = Path(__file__).parents[1] / "golden"
_CASES = sorted(path.parent for path in _GOLDEN.rglob("in.yaml"))
HOSTILE = ["%\"'`]]--[[${x}{{y}}\\", "]==] os.execute('x') --[==[\\n%%(x)s{0}$(x)"]
_VALUES = [
    "%REQ(authorization)%",
    "%%REQ(authorization)%%",
    "%ENVIRONMENT(PATH)%",
    "%DYNAMIC_METADATA(a:b)%",
    "100%",
    "%",
    "${authorization}",
    '{{ request_header("authorization") }}',
    "'; os.execute('x') --",
    "]]..os.getenv('PATH')..[[",
    "<script>alert(1)</script>",
]
_OF_REFERENCES = {"name", "namespace", "kind", "group", "sectionName", "serviceName"}
"""Lengthened they would lead nowhere, and what refers to them would not be translated."""
_WORD = "zqzmarker"


def _texts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where there is text."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*path, key))


def _lengthened(document: Doc, more: str) -> int:
    """Lengthen every text of an object that may be; how many were."""
    count = 0
    for path in [path for field in ("spec", "data") for path in _texts(document.get(field, {}), (field,))]:
        if path[-1] in _OF_REFERENCES:
            continue
        here: Any = document
        for step in path[:-1]:
            here = here[step]
        kept = here[path[-1]]
        here[path[-1]] = kept + more
        decoded = decode(document)
        if decoded is None or decoded.value is None:
            here[path[-1]] = kept
        else:
            count += 1
    return count


def _hostile(more: str) -> tuple[dict[str, Translation], int]:
    """The translations of all cases, and how many texts are lengthened in them."""
    base, made, count = documents((_GOLDEN / "base.yaml").read_text()), {}, 0
    for case in _CASES:
        mine = documents((case / "in.yaml").read_text())
        count += sum(_lengthened(document, more) for document in mine)
        own = any(one["kind"] == "Gateway" for one in mine)
        found = [decode(one) for one in [*(one for one in base if not own or one["kind"] != "Gateway"), *mine]]
        items = {one.ref: one.value for one in found if one is not None and one.value is not None}
        made[case.relative_to(_GOLDEN).as_posix()] = translation(items)
    return made, count


@pytest.mark.parametrize("more", HOSTILE)
def test_envoy_takes_what_is_made_of_hostile_texts(more: str, tmp_path: Path) -> None:
    made, count = _hostile(more)
    assert count > 500, "texts are lengthened"
    if envoy.faults(made.values(), tmp_path):
        refused = {case: fault for case, one in made.items() if (fault := envoy.faults([one], tmp_path))}
        pytest.fail("\n".join(f"{case}: {fault}" for case, fault in refused.items()))


def test_no_script_has_a_word_of_a_users_in_it() -> None:
    made, _ = _hostile(_WORD)
    scripts, elsewhere = set(), 0
    for one in made.values():
        for message in messages(one).values():
            elsewhere += message.SerializeToString().count(_WORD.encode())
            scripts |= {script for script in _scripts(message) if script}
    assert len(scripts) > 1, "there are some"
    assert elsewhere > 300, "the word is in other places"
    assert not [one for one in scripts if _WORD in one]


def _scripts(message: Message) -> Iterator[str]:
    """All Lua within a message, whatever it is packed in."""
    if isinstance(message, any_pb2.Any):
        if not message.type_url:
            return
        inner = GetMessageClass(descriptor_pool.Default().FindMessageTypeByName(message.TypeName()))()
        message.Unpack(inner)
        yield from _scripts(inner)
        return
    if isinstance(message, lua_pb2.Lua | lua_pb2.LuaPerRoute):
        sources = [getattr(message, "default_source_code", None), getattr(message, "source_code", None)]
        yield getattr(message, "inline_code", "")
        yield from (one.inline_string for one in (*sources, *getattr(message, "source_codes", {}).values()) if one)
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for one in _values(field, value):
                if isinstance(one, Message):
                    yield from _scripts(one)


def _values(field: FieldDescriptor, value: Any) -> Iterable[Any]:
    if not field.is_repeated:
        return [value]
    return value.values() if field.message_type.GetOptions().map_entry else value


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(shared: World) -> World:
    """Hostile values of headers, hosts, paths and bodies, each on a route of its own."""
    await shared.echo("a")
    rules = [
        rule(
            prefix(f"/{at}"),
            to="a",
            filters=[
                use("RequestHeaderModifier", set=[{"name": "x-set", "value": value}]),
                use("ResponseHeaderModifier", set=[{"name": "x-back", "value": value}]),
            ],
        )
        for at, value in enumerate(_VALUES)
    ]
    shared.write("gateway.yaml", gateway("gw", listener(shared.port)))
    shared.write("route.yaml", route("r", *rules))
    await shared.start()
    return shared


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("at", range(len(_VALUES)))
async def test_a_header_has_the_value_that_was_written(scene: World, at: int) -> None:
    got = await scene.ask(f"/{at}", headers={"authorization": "Bearer secret"})
    assert got.sent("x-set") == [_VALUES[at]]
    assert got.headers["x-back"] == _VALUES[at]
