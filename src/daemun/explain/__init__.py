"""Why a request goes where it goes: the way of one request through a translation, told by the same rules.

Nothing here is asked of Envoy. That the explanation is what Envoy does is kept true by a property test, which sends
the same requests through a real one (tests/laws/test_explain_against_envoy.py).
"""

from daemun.explain.explain import explain
from daemun.explain.request import Request, header_from, request_from
from daemun.explain.result import (
    Alternative,
    Candidate,
    Change,
    Effect,
    Entry,
    Explanation,
    Host,
    Miss,
    Near,
    Outcome,
    Share,
)

__all__ = [
    "Alternative",
    "Candidate",
    "Change",
    "Effect",
    "Entry",
    "Explanation",
    "Host",
    "Miss",
    "Near",
    "Outcome",
    "Request",
    "Share",
    "explain",
    "header_from",
    "request_from",
]
