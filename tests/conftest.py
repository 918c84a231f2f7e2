"""Fixtures that several test modules share. Helpers are in `tests/support/`, as `support.<group>.<module>`."""

import signal

from hypothesis import HealthCheck, settings

from support.servers.ports import was_given

# What a shell starts in the background is deaf to Ctrl-C, and so is all that this starts in turn.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Shared machines pause: a slow example is no failure here, the suite's own timeout is what stops a hang.
settings.register_profile("daemun", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("daemun")

pytest_plugins = ["cluster.fixtures", "support.scenes.fixtures"]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A port that was free is no part of a test's name: all workers of pytest-xdist must call the test the same."""
    return argname if argname == "port" and isinstance(val, int) and was_given(val) else None
