"""What counts as under way while a proxy drains; one that is too busy to answer has not ended."""

import pytest

from daemun.provision import admin
from daemun.provision.keeper.drain import active
from daemun.provision.kube.drain import run

ADMIN = """\
http.admin.downstream_cx_active: 1
http.admin.downstream_rq_active: 1
listener.admin.downstream_cx_active: 1
listener.admin.main_thread.downstream_cx_active: 1
"""
IDLE = """\
listener.[__1]_80.downstream_cx_active: 2
http.web.downstream_cx_active: 2
"""
BUSY = IDLE + "http.web.downstream_rq_active: 3\n"
RAW = """\
listener.0.0.0.0_81.downstream_cx_active: 2
listener.0.0.0.0_81.worker_0.downstream_cx_active: 2
"""


@pytest.mark.parametrize(
    ("gauges", "count"), [("", 0), (IDLE, 0), (BUSY, 3), (RAW, 2)], ids=["none", "idle", "HTTP", "not HTTP"]
)
def test_requests_and_raw_connections_count_but_idle_ones_and_our_own_do_not(gauges: str, count: int) -> None:
    assert active((ADMIN + gauges).encode()) == count


class Admin:
    """An admin interface that is too busy for the first request of each kind."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def request(self, path: str, target: str, **_: object) -> bytes:
        first = target not in self.asked
        self.asked.append(target.partition("?")[0])
        if first and "?" not in target:
            raise admin.BusyError(target)
        return b""


async def test_a_proxy_that_is_too_busy_to_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Admin()
    monkeypatch.setattr(admin, "request", busy.request)
    assert await run("socket", seconds=30, spreading=0)
    assert busy.asked == ["/healthcheck/fail", "/healthcheck/fail", "/drain_listeners", "/drain_listeners", "/stats"]


async def test_a_proxy_that_has_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(path: str, target: str, **_: object) -> bytes:
        raise admin.AdminError("connection refused")

    monkeypatch.setattr(admin, "request", refused)
    assert not await run("socket", seconds=30, spreading=0)
