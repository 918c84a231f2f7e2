"""What is written of a status: ours as wanted, what others wrote as it is, times since when something is so."""

from typing import Any

import msgspec

from daemun.api.meta import ParentReference
from daemun.api.status import (
    Condition,
    GatewayStatus,
    GatewayStatusAddress,
    ListenerStatus,
    RouteParentStatus,
    RouteStatus,
)
from daemun.gatewayapi.classes import CONTROLLER
from daemun.report.kube.merge import MESSAGE_LENGTH, Change, change, is_true

EARLIER, NOW = "2026-01-01T00:00:00Z", "2026-02-02T00:00:00Z"
OTHER = {
    "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "theirs"},
    "controllerName": "example.com/other",
    "conditions": [{"type": "Accepted", "status": "True", "lastTransitionTime": EARLIER, "unknownField": [1, None]}],
}
FOREIGN = {
    "type": "example.com/Billed",
    "status": "Unknown",
    "reason": "R",
    "message": "",
    "lastTransitionTime": EARLIER,
}


def condition(kind: str = "Accepted", status: Any = "True", message: str = "") -> Condition:
    return Condition(kind, status, kind, message, 1)


def written(kind: str = "Accepted", status: str = "True", since: str = NOW, message: str = "") -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": kind,
        "message": message,
        "observedGeneration": 1,
        "lastTransitionTime": since,
    }


def parent(name: str, since: str = NOW, *conditions: dict[str, Any]) -> dict[str, Any]:
    return {
        "parentRef": {"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": name},
        "controllerName": CONTROLLER,
        "conditions": list(conditions) or [written(since=since)],
    }


def route(*names: str, conditions: tuple[Condition, ...] = (condition(),)) -> RouteStatus:
    return RouteStatus(tuple(RouteParentStatus(ParentReference(name), CONTROLLER, conditions) for name in names))


def gateway(*conditions: Condition, routes: int = 0) -> GatewayStatus:
    listener = ListenerStatus("http", (), routes, (condition(),))
    return GatewayStatus((GatewayStatusAddress("IPAddress", "192.0.2.1"),), conditions, (listener,))


def changed(status: Any, there: dict[str, Any]) -> Change:
    return change(status, msgspec.json.encode(there) if there else b"", NOW)


def test_what_nobody_wrote_is_written_whole() -> None:
    assert changed(route("g"), {}).fields == {"parents": [parent("g")]}


def test_what_is_there_is_not_written_again_and_keeps_its_times() -> None:
    assert not changed(route("g"), {"parents": [parent("g", EARLIER)]}).fields


def test_a_time_is_that_of_the_status_not_of_the_message() -> None:
    there = {"parents": [parent("g", EARLIER)]}
    mended = changed(route("g", conditions=(condition(message="more"),)), there).fields
    assert mended == {"parents": [parent("g", EARLIER, written(since=EARLIER, message="more"))]}
    broken = changed(route("g", conditions=(condition(status="False"),)), there).fields
    assert broken == {"parents": [parent("g", NOW, written(status="False"))]}


def test_parents_of_others_stay_as_and_where_they_are() -> None:
    there = {"parents": [parent("old", EARLIER), OTHER, parent("g", EARLIER)]}
    assert changed(route("g"), there).fields == {"parents": [parent("g", EARLIER), OTHER]}
    assert changed(route("g", "h", "i"), there).fields == {
        "parents": [parent("g", EARLIER), OTHER, parent("h"), parent("i")]
    }


def test_where_we_have_nothing_to_say_our_entries_end() -> None:
    assert changed(None, {"parents": [parent("g"), OTHER]}).fields == {"parents": [OTHER]}
    assert changed(None, {"ancestors": [parent("g")]}).fields == {"ancestors": []}
    assert not changed(None, {"parents": [OTHER]}).fields
    assert not changed(None, {"conditions": [written()]}).fields  # a Gateway that is not ours: leave it
    assert not changed(None, {}).fields


def test_no_parents_are_as_good_as_no_status() -> None:
    assert not changed(RouteStatus(()), {}).fields


def test_conditions_of_other_types_stay() -> None:
    there = {"conditions": [written("Ready"), FOREIGN, written("Accepted", since=EARLIER)]}
    fields = changed(gateway(condition("Accepted"), condition("Programmed", "False")), there).fields
    assert fields["conditions"] == [
        written("Accepted", since=EARLIER),
        FOREIGN,
        written("Programmed", "False"),
    ]


def test_listeners_keep_their_times_by_name() -> None:
    there = msgspec.to_builtins(gateway(condition()))
    there["conditions"] = [written(since=EARLIER)]
    there["listeners"] = [
        there["listeners"][0] | {"name": "gone"},
        there["listeners"][0] | {"conditions": [written(since=EARLIER), FOREIGN]},
    ]
    fields = changed(gateway(condition()), there).fields
    assert [one["conditions"] for one in fields["listeners"]] == [[written(since=EARLIER), FOREIGN]]
    assert set(fields) == {"listeners"}


def test_counts_alone_are_told_apart() -> None:
    there: dict[str, Any] = dict(changed(gateway(condition()), {}).fields)
    assert not changed(gateway(condition()), there).fields
    assert changed(gateway(condition(), routes=3), there).only_counts
    assert not changed(gateway(condition(status="False"), routes=3), there).only_counts
    assert not changed(gateway(condition()), {}).only_counts


def test_a_long_message_is_cut_to_what_the_api_takes() -> None:
    fields = changed(route("g", conditions=(condition(message="ü" * 40_000),)), {}).fields
    message = fields["parents"][0]["conditions"][0]["message"]
    assert len(message) == MESSAGE_LENGTH
    assert message.endswith("ü…")


def test_what_would_be_too_much_is_left_out_of_ours() -> None:
    many = [OTHER | {"parentRef": {"name": f"n{n}"}} for n in range(31)]
    fields = changed(route("g", "h"), {"parents": many}).fields
    assert fields["parents"] == [*many, parent("g")]
    crowd = [FOREIGN | {"type": f"example.com/T{n}"} for n in range(7)]
    fields = changed(gateway(condition("Accepted"), condition("Programmed")), {"conditions": crowd}).fields
    assert fields["conditions"] == [*crowd, written("Accepted")]


def test_a_status_that_makes_no_sense_is_replaced() -> None:
    assert changed(route("g"), {"parents": "none"}).fields == {"parents": [parent("g")]}
    assert change(route("g"), b"null", NOW).fields == {"parents": [parent("g")]}


def test_a_condition_that_somebody_wrote_is_read() -> None:
    status = msgspec.json.encode({"conditions": [written("Programmed"), written("Accepted", "False")]})
    assert is_true(status, "Programmed")
    assert not is_true(status, "Accepted")
    assert not is_true(b"", "Programmed")
    assert is_true(msgspec.json.encode({"listeners": [{"conditions": [written("Programmed")]}]}), "Programmed")
    assert not is_true(b'{"conditions": 1, "listeners": [2, {"conditions": [3]}]}', "Programmed")
