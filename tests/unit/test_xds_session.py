"""Subscriptions, answers, order: the protocol without anything going wrong."""

from xds_talk import CLUSTER, ENDPOINT, LISTENER, ROUTE, Talk, bodies, cluster, endpoints, key, leaf, whole

from daemun.ir.resource import SECRET, TYPES, part
from daemun.xds.events import Acked
from daemun.xds.flight import PATIENCE
from daemun.xds.messages import Request
from daemun.xds.session import HOLD, MOST_TYPES, Session
from daemun.xds.silence import ASKED, SILENCE
from daemun.xds.subscription import MOST


def versions(talk: Talk, type_url: str) -> dict[str, str]:
    return {name: resource.version for name, resource in talk.wanted.of_type(type_url).items()}


def test_a_wildcard_client_gets_all_and_then_what_changes() -> None:
    talk = Talk()
    talk.apply(cluster("a"), cluster("b"))
    talk.ask(CLUSTER)
    first = talk.one()
    assert bodies(first) == {"a": b"<a>", "b": b"<b>"}
    assert not talk.session.synced()
    talk.ack(first)
    assert talk.session.synced()
    assert [event.resource for event in talk.events(Acked)] == ["a", "b"]
    talk.apply(cluster("a", "a2"), (key(CLUSTER, "b"), None))
    second = talk.one()
    assert (bodies(second), second.removed) == ({"a": b"<a2>"}, ())
    talk.ack(second)
    assert talk.one().removed == ("b",), "after what takes its place: Envoy would do the removal first"


def test_a_listener_that_goes_makes_room_for_another_at_once() -> None:
    talk = Talk()
    talk.apply((key(LISTENER, "a"), part("", [leaf("a", "a")])))
    talk.ask(LISTENER)
    talk.ack(talk.one())
    talk.apply((key(LISTENER, "a"), None), (key(LISTENER, "b"), part("", [leaf("b", "b")])))
    second = talk.one()
    assert (bodies(second), second.removed) == ({"b": b"<b>"}, ("a",))


def test_of_more_than_goes_into_one_response_what_is_new_goes_first() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    talk.ask(CLUSTER)
    talk.ack(talk.one())
    new = [f"new-{number}" for number in range(MOST + 1)]
    talk.apply(cluster("a", "a2"), *map(cluster, new))
    sent = []
    for _ in range(2):
        response = talk.one()
        sent.append(list(bodies(response)))
        talk.ack(response)
    assert sent == [new[:MOST], ["a", *new[MOST:]]]


def test_a_wildcard_client_learns_that_there_is_nothing() -> None:
    talk = Talk()
    talk.ask(LISTENER)
    assert (talk.one().resources, talk.poll()) == ((), [])


def test_a_star_is_a_wildcard_too() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    talk.ask(CLUSTER, "*", "named")
    response = talk.one()
    assert (bodies(response), response.removed) == ({"a": b"<a>"}, ("named",))


def test_a_client_by_name_gets_what_it_asks_for() -> None:
    talk = Talk()
    talk.apply(endpoints("a"), endpoints("b"))
    talk.ask(ENDPOINT, "a", "none")
    response = talk.one()
    assert (bodies(response), response.removed) == ({"a": b"<e-a>"}, ("none",))
    talk.ack(response)
    talk.apply(endpoints("b", "b2"), endpoints("none"))
    assert bodies(talk.settle()[0]) == {"none": b"<e-none>"}
    talk.leave(ENDPOINT, "a")
    talk.apply(endpoints("a", "a2"))
    assert talk.poll() == []


def test_whoever_asks_again_is_answered_again() -> None:
    talk = Talk()
    talk.apply(whole(SECRET, "cert", "1"))
    talk.ask(SECRET, "cert")
    talk.settle()
    talk.ask(SECRET, "cert", "none")
    response = talk.one()
    assert (bodies(response), response.removed) == ({"cert": b"<1>"}, ("none",))


def test_one_response_is_in_flight_and_the_rest_coalesces() -> None:
    talk = Talk()
    talk.apply(*(cluster(f"c{n}") for n in range(3)))
    talk.ask(CLUSTER)
    first = talk.one()
    for turn in range(5):
        talk.apply(*(cluster(f"c{n}", f"{n}.{turn}") for n in range(200)))
        assert talk.poll() == []
    talk.ack(first)
    second = talk.one()
    assert len(second.resources) == 200
    assert bodies(second)["c7"] == b"<7.4>"


def test_an_answer_to_another_response_counts_for_nothing() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    talk.ask(CLUSTER)
    response = talk.one()
    talk.apply(cluster("b"))
    talk.ack(type(response)(CLUSTER, "other", (), ()))
    assert talk.poll() == []
    talk.ack(response)
    assert bodies(talk.one()) == {"b": b"<b>"}


def test_additions_go_in_order_and_removals_in_reverse() -> None:
    talk = Talk()
    everything = [cluster("c"), endpoints("c"), whole(LISTENER, "l", "l"), whole(ROUTE, "r", "r", ("c",))]
    talk.apply(*everything)
    for type_url, names in ((ROUTE, ["r"]), (LISTENER, []), (ENDPOINT, ["c"]), (CLUSTER, [])):
        talk.ask(type_url, *names)
    order = [response.type_url for response in talk.settle()]
    assert order == [CLUSTER, ENDPOINT, LISTENER, ROUTE]
    talk.apply(*((where, None) for where, _ in everything))
    gone = [response.type_url for response in talk.settle() if response.removed]
    assert gone.index(ROUTE) < gone.index(CLUSTER) < gone.index(ENDPOINT)


def test_a_cluster_goes_only_when_the_client_has_the_route_without_it() -> None:
    talk = Talk()
    talk.apply(cluster("c"), whole(ROUTE, "r", "old", ("c",)))
    talk.ask(CLUSTER)
    talk.ask(ROUTE, "r")
    talk.settle()
    talk.apply((key(CLUSTER, "c"), None), whole(ROUTE, "r", "new"))
    route = talk.one()
    assert route.type_url == ROUTE
    assert talk.poll() == []
    talk.ack(route)
    assert talk.one().removed == ("c",)


def test_what_a_client_brings_is_taken_in_by_steps_and_what_changes_meanwhile_is_sent() -> None:
    talk = Talk()
    talk.apply(cluster("a"), cluster("b"), cluster("c"), cluster("d"))
    have = versions(talk, CLUSTER)
    again = Talk(talk.wanted)
    steps = again.session.receiving(Request(CLUSTER, initial_resource_versions=have), again.now)
    next(steps)
    next(steps)
    again.apply(cluster("a", "a2"), cluster("d", "d2"), (key(CLUSTER, "c"), None), cluster("e"))
    assert not again.session.synced()
    assert list(steps)
    again.now += HOLD + 1
    heard = again.settle()
    assert {name: body for one in heard for name, body in bodies(one).items()} == {
        "a": b"<a2>",
        "d": b"<d2>",
        "e": b"<e>",
    }
    assert [name for one in heard for name in one.removed] == ["c"]
    assert again.session.synced()


def test_a_restart_without_a_change_sends_nothing() -> None:
    talk = Talk()
    talk.apply(cluster("c"), endpoints("c"), whole(LISTENER, "l", "l"))
    again = Talk(talk.wanted)
    again.ask(CLUSTER, have=versions(talk, CLUSTER))
    again.ask(ENDPOINT, "c", have=versions(talk, ENDPOINT))
    again.ask(LISTENER, have=versions(talk, LISTENER))
    assert again.poll() == []
    assert again.session.synced()
    assert len(again.events(Acked)) == 3
    again.ask(ENDPOINT, "c")
    assert bodies(again.one()) == {"c": b"<e-c>"}


def test_after_a_restart_the_client_gets_what_it_lacks_and_loses_what_is_gone() -> None:
    talk = Talk()
    talk.apply(cluster("same"), cluster("new"), cluster("changed", "2"))
    have = {**versions(talk, CLUSTER), "changed": "1", "gone": "1"}
    del have["new"]
    talk.ask(CLUSTER, have=have)
    response = talk.one()
    assert (bodies(response), response.removed) == ({"changed": b"<2>", "new": b"<new>"}, ())
    talk.ack(response)
    # The client's other requests have to come first: something it still has may use the cluster.
    assert talk.session.deadline(talk.now) == talk.now + 5
    talk.now += 5
    assert talk.one().removed == ("gone",)


def test_a_young_session_knows_what_the_old_one_learned() -> None:
    talk = Talk()
    head, host = (key(ROUTE, "r"), part("", [leaf("r", "head")])), key(ROUTE, "r", "v")
    talk.apply(head, (host, part("v", [leaf("v", "1"), leaf("w", "1")])))
    talk.ask(ROUTE, "r")
    (response,) = talk.settle()
    talk.session.close()
    young = Talk(talk.wanted, talk.session)
    young.wanted.apply([(host, part("v", [leaf("v", "2"), leaf("w", "bad")]))])
    young.ask(ROUTE, "r", have={"r": response.resources[0].version})
    young.settle("bad")
    assert young.session.subscription(ROUTE).client.get("r").parts["v"].leaves[1].data == b"<1>"


def test_an_unknown_type_is_answered() -> None:
    talk = Talk()
    talk.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime", "x")
    assert talk.one().removed == ("x",)


def test_the_end_of_the_wildcard_leaves_the_names() -> None:
    talk = Talk()
    talk.apply(cluster("a"), cluster("b"))
    talk.ask(CLUSTER, "*", "b")
    talk.settle()
    talk.leave(CLUSTER, "*")
    talk.apply(cluster("a", "2"), cluster("b", "2"))
    assert bodies(talk.one()) == {"b": b"<2>"}


def test_a_session_needs_no_elder() -> None:
    assert Session(Talk().wanted).poll(0.0) == []


def test_endpoint_changes_that_come_while_one_is_under_way_go_together_and_touch_nothing_else() -> None:
    talk = Talk()
    names = [f"c{n}" for n in range(10)]
    talk.apply(*(cluster(name) for name in names), *(endpoints(name) for name in names))
    talk.ask(CLUSTER)
    talk.ask(ENDPOINT, *names)
    talk.settle()
    talk.apply(endpoints("c0", "e.0"))
    alone = talk.one()  # nobody waits for company
    assert bodies(alone) == {"c0": b"<e.0>"}
    for turn in range(1, 300):
        talk.apply(endpoints(f"c{turn % 3}", f"e.{turn}"))
        assert talk.poll() == []
    talk.ack(alone)
    together = talk.one()
    assert bodies(together) == {"c0": b"<e.297>", "c1": b"<e.298>", "c2": b"<e.299>"}
    talk.ack(together)
    assert talk.poll() == []


def test_a_client_that_says_nothing_though_it_owes_an_answer_is_stuck() -> None:
    talk = Talk()
    talk.apply(whole(LISTENER, "a", "a"))
    talk.ask(LISTENER)
    talk.poll()
    talk.now += SILENCE - 1
    talk.poll()  # what was not answered is sent again, which is no word of the client's
    assert not talk.session.stuck(talk.now)
    assert talk.session.deadline(talk.now) <= talk.now + 1
    talk.now += 1
    assert talk.session.stuck(talk.now)


def test_a_client_that_owes_nothing_may_be_silent() -> None:
    talk = Talk()
    talk.apply(whole(LISTENER, "a", "a"))
    talk.ask(LISTENER)
    talk.settle()
    talk.now += 100 * SILENCE
    assert talk.poll() == []
    assert not talk.session.stuck(talk.now)


def test_a_client_that_only_keeps_back_its_answer_to_clusters_is_asked_before_it_counts_as_stuck() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    talk.ask(LISTENER)
    talk.settle()
    talk.ask(CLUSTER)
    talk.poll()
    talk.now += ASKED
    asked = next(one for one in talk.poll() if one.type_url == LISTENER)
    assert (asked.resources, asked.removed) == ((), ())
    talk.ack(asked)
    talk.now += ASKED
    assert any(one.type_url == LISTENER for one in talk.poll())
    talk.now += SILENCE - ASKED
    assert talk.session.stuck(talk.now)


def test_a_client_that_asked_for_nothing_but_clusters_is_never_stuck() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    talk.ask(CLUSTER)
    talk.poll()
    for _ in range(10):
        talk.now += ASKED
        talk.poll()
        assert not talk.session.stuck(talk.now)


def test_the_time_that_a_client_takes_to_read_is_not_its_time_to_answer() -> None:
    talk = Talk()
    talk.apply(whole(LISTENER, "a", "a"))
    talk.ask(LISTENER)
    talk.poll()
    talk.now += 10 * SILENCE
    talk.session.delayed(10 * SILENCE, 10 * SILENCE)
    assert talk.poll() == []
    assert not talk.session.stuck(talk.now)
    talk.now += PATIENCE
    assert talk.one().type_url == LISTENER


def test_a_client_may_ask_for_only_so_many_types() -> None:
    talk = Talk()
    talk.apply(cluster("a"))
    for number in range(1000):
        talk.ask(f"type.googleapis.com/odd.T{number}", "x")
    assert len(talk.session._subscriptions) == MOST_TYPES
    absent = {one.type_url: one.removed for one in talk.poll()}
    assert set(absent.values()) == {("x",)}
    assert len(absent) == MOST_TYPES - len(TYPES)
    talk.ask(CLUSTER)
    assert bodies(talk.one()) == {"a": b"<a>"}
