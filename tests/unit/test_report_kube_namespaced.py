"""The status of Gloo's kinds: our key is written, and nothing else is touched."""

from typing import Any

import msgspec

from daemun.api.gloo.status import GlooStatus, SubresourceStatus
from daemun.report.kube.merge import change

ACCEPTED = {"state": "Accepted", "reportedBy": "daemun"}


def patch(status: GlooStatus | None, there: dict[str, Any]) -> dict[str, Any]:
    return change(status, msgspec.json.encode(there) if there else b"", "now", "ours").fields


def applied(patch: Any, there: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(there) if isinstance(there, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = applied(value, result.get(key))
    return result


def test_it_is_told_by_namespace() -> None:
    assert patch(GlooStatus.of(), {}) == {"statuses": {"ours": ACCEPTED}}


def test_what_is_there_is_not_written_again() -> None:
    assert patch(GlooStatus.of(), {"statuses": {"ours": ACCEPTED, "theirs": {"state": "Pending"}}}) == {}


def test_what_others_say_is_not_touched() -> None:
    theirs = {"state": "Accepted", "reportedBy": "gloo"}
    assert patch(GlooStatus.of(["no such host"]), {"statuses": {"theirs": theirs}}) == {
        "statuses": {"ours": {"state": "Rejected", "reason": "no such host", "reportedBy": "daemun"}}
    }


def test_what_is_not_so_any_more_is_taken_away() -> None:
    before = GlooStatus.of(
        ["bad"], messages=["note"], within={"a": SubresourceStatus("Rejected"), "b": SubresourceStatus("Accepted")}
    )
    there = applied(patch(before, {}), {})
    after = GlooStatus.of(within={"b": SubresourceStatus("Accepted")})
    assert applied(patch(after, there), there) == applied(patch(after, {}), {})


def test_what_we_have_said_ends_and_what_gloo_has_said_under_our_namespace_does_not() -> None:
    assert patch(None, {"statuses": {"ours": ACCEPTED}}) == {"statuses": {"ours": None}}
    assert patch(None, {"statuses": {"ours": {"state": "Accepted", "reportedBy": "gloo"}}}) == {}
    assert patch(None, {"statuses": {"theirs": ACCEPTED}}) == {}


def test_a_status_that_somebody_has_made_nonsense_of_is_mended() -> None:
    there = {"statuses": {"ours": "?"}}
    assert applied(patch(GlooStatus.of(), there), there) == {"statuses": {"ours": ACCEPTED}}


def test_errors_go_before_warnings() -> None:
    assert GlooStatus.of(warnings=["w"]).state == "Warning"
    both = GlooStatus.of(["e"], ["w"])
    assert (both.state, both.reason) == ("Rejected", "e\nw")
