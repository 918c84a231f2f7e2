"""Fixtures that several test modules share. Their helpers are in `tests/support`, imported as `support.<module>`."""

from hypothesis import HealthCheck, settings

# Shared machines pause: a slow example is no failure here, the suite's own timeout is what stops a hang.
settings.register_profile("daemun", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("daemun")

pytest_plugins = ["cluster.fixtures", "support.fixtures"]
