"""Who a proxy is: the API server's word, for as long as it counts, and nobody else's."""

import asyncio
import base64
import json
from collections.abc import Callable

import pytest

from daemun.base.names import Name
from daemun.kube.client import KubeClient
from daemun.kube.transport import Answer
from daemun.provision.kube.identity import Identities
from support.api.told_transport import Asked, Told, answered

NOW = 1_000_000.0
Word = Callable[[str], dict[str, object] | int]


def token(name: str, exp: float = NOW + 3600) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": exp}).encode()).decode().rstrip("=")
    return f"{name}.{claims}.signature"


def good(text: str) -> dict[str, object]:
    """The API server of these tests confirms every token, as that of the account which is its first part."""
    name = text.partition(".")[0]
    return {
        "authenticated": True,
        "audiences": ["daemun-xds"],
        "user": {"username": f"system:serviceaccount:default:{name}"},
    }


class World:
    def __init__(self, answer: Word = good) -> None:
        self.asked: list[str] = []
        self.answer = answer
        self.now = NOW
        self.jump = 0.0
        self.named = {Name("default", "gate-daemun"): "default/gate"}
        client = KubeClient(Told(self._review), "", "")
        self.identities = Identities(client, self._find, lambda: self.now + self.jump, ticks=lambda: self.now)

    def _review(self, request: Asked) -> Answer:
        spec = json.loads(request.body)["spec"]
        assert spec["audiences"] == ["daemun-xds"]
        self.asked.append(spec["token"])
        answer = self.answer(spec["token"])
        return Answer(answer) if isinstance(answer, int) else answered({"status": answer}, 201)

    def _find(self, account: Name) -> str | None:
        return self.named.get(account)

    async def who(self, text: str, scheme: str = "Bearer ") -> str | None:
        return await self.identities.authenticate({"authorization": f"{scheme}{text}"})


async def test_a_token_is_its_account_and_asked_for_once() -> None:
    world = World()
    assert await world.who(token("gate-daemun")) == "default/gate"
    assert await world.who(token("gate-daemun"), "bearer ") == "default/gate"
    assert await world.who(token("other-daemun")) is None
    assert len(world.asked) == 2


async def test_many_at_once_ask_once() -> None:
    world = World()
    assert await asyncio.gather(*(world.who(token("gate-daemun")) for _ in range(50))) == ["default/gate"] * 50
    assert len(world.asked) == 1


async def test_a_token_is_not_believed_for_ever() -> None:
    world = World()
    await world.who(token("gate-daemun"))
    world.now += 299
    await world.who(token("gate-daemun"))
    assert len(world.asked) == 1
    world.now += 2
    world.answer = lambda _: {"authenticated": False}  # its pod is gone
    assert await world.who(token("gate-daemun")) is None


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
async def test_f08_an_answer_counts_as_long_as_ever_if_the_clock_jumps(jump: float) -> None:
    """Neither is a proxy kept out, nor is one let in whose pod is gone."""
    refused: set[str] = {"early"}
    world = World(lambda text: {"authenticated": False} if text.partition(".")[0] in refused else good(text))
    world.named |= {Name("default", "early"): "default/gate", Name("default", "old"): "default/gate"}
    early, old = (token(name, NOW + 90_000) for name in ("early", "old"))
    assert [await world.who(early), await world.who(old)] == [None, "default/gate"]
    world.jump = jump
    refused = {"old"}
    world.now += 11
    assert [await world.who(early), await world.who(old)] == ["default/gate", "default/gate"]
    world.now += 290
    assert [await world.who(early), await world.who(old)] == ["default/gate", None]


async def test_a_token_that_ends_soon_is_asked_for_again() -> None:
    world = World()
    await world.who(token("gate-daemun", NOW + 40))
    world.now += 11
    await world.who(token("gate-daemun", NOW + 40))
    assert len(world.asked) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"authenticated": False},
        {"authenticated": True, "user": {"username": "system:serviceaccount:default:gate-daemun"}},
        {
            "authenticated": True,
            "audiences": ["https://kubernetes.default.svc"],
            "user": {"username": "system:serviceaccount:default:gate-daemun"},
        },
        {"authenticated": True, "audiences": ["daemun-xds"], "user": {"username": "default:gate-daemun"}},
    ],
)
async def test_what_is_no_account_of_ours_is_nobody(answer: dict[str, object]) -> None:
    world = World(lambda _: answer)
    assert await world.who(token("gate-daemun")) is None
    assert await world.who(token("gate-daemun")) is None
    assert len(world.asked) == 1, "a bad token, too, is not asked for at every try"
    world.now += 11
    await world.who(token("gate-daemun"))
    assert len(world.asked) == 2


async def test_without_a_token_nobody_is_asked() -> None:
    world = World()
    assert await world.identities.authenticate({}) is None
    assert await world.who("", "Bearer ") is None
    assert await world.who(token("gate-daemun"), "Basic ") is None
    assert await world.who("x" * 20_000) is None
    assert not world.asked


async def test_an_api_server_that_does_not_answer_is_no_verdict() -> None:
    world = World(lambda _: 503)
    with pytest.raises(OSError, match="cannot be reviewed"):
        await world.who(token("gate-daemun"))
    world.answer = good
    assert await world.who(token("gate-daemun")) == "default/gate"
