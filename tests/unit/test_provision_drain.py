"""What counts as under way while a proxy drains."""

import pytest

from daemun.provision.keeper.drain import active

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
