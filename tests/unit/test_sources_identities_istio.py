"""When the next certificate of a mesh is asked for."""

from daemun.sources.identities.istio import _left
from support.objects.certificates import Authority

DAY = 86_400


def test_f08_a_clock_that_is_far_behind_does_not_put_the_next_certificate_off() -> None:
    """As that of a machine without a battery is when it starts, until it has asked for the time."""
    certificate, _ = Authority().issue("a.test", days=(3000, 3001))
    assert 0 < _left(certificate) <= DAY
    certificate, _ = Authority().issue("a.test", days=(-1, 1))
    assert DAY - 60 < _left(certificate) <= DAY
