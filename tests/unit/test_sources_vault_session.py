"""A token of Vault's while Vault is not itself."""

from types import SimpleNamespace
from typing import Any

import pytest

from daemun.sources.secrets.vault import session as sessions
from daemun.sources.secrets.vault.http import Answered
from daemun.sources.secrets.vault.logins import Grant
from daemun.sources.secrets.vault.session import Session


class Vault:
    """Answers renewals with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: list[str] = []

    async def ask(self, method: str, path: str, *, token: str = "", body: Any = None) -> Answered:
        self.asked.append(path)
        renewed = {"auth": {"client_token": token, "lease_duration": 60, "renewable": True}}
        return Answered(self.status, renewed if self.status == 200 else {}, 0)


async def _kept(monkeypatch: pytest.MonkeyPatch, status: int, *times: float) -> tuple[Vault, Session]:
    """A session with a token for 60 s, kept at these times."""
    clock = [0.0]
    monkeypatch.setattr(sessions, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    vault, number = Vault(status), 0

    async def login(_: object) -> Grant:
        nonlocal number
        number += 1
        return Grant(f"token {number}", 60, True)

    session = Session(vault, login)  # type: ignore[arg-type]  # as much of a Vault as a session uses
    await session.keep()
    for clock[0] in times:
        await session.keep()
    return vault, session


async def test_a_token_is_renewed_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    vault, session = await _kept(monkeypatch, 200, 30, 45, 80, 90)
    assert (session.logins, session.renewals, len(vault.asked)) == (1, 2, 2)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_token_that_cannot_be_renewed_now_is_used_until_it_ends(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    """And asked for anew now and then, not at every request."""
    vault, session = await _kept(monkeypatch, status, 45, 46, 47, 53, 54, 57)
    assert (session.logins, session.renewals) == (1, 0)
    assert len(vault.asked) == 3


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_in_the_end_there_is_another(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    _, session = await _kept(monkeypatch, status, 45, 59.5)
    assert session.logins == 2


@pytest.mark.parametrize("status", [400, 403])
async def test_a_token_that_vault_does_not_know_is_replaced_at_once(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    _, session = await _kept(monkeypatch, status, 45)
    assert session.logins == 2
