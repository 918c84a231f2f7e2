"""A client of many resources is compared with what is wanted a slice at a time, beside all else that it is to hear."""

from xds_talk import CLUSTER, Talk, cluster

from daemun.xds import session
from daemun.xds.events import Drifted

SLICES = 5
MANY = SLICES * session.AUDITED


def audited(talk: Talk) -> int:
    """By how many polls a look is over."""
    polls = 1
    talk.settle()
    while talk.session.deadline(talk.now) == talk.now:
        talk.settle()
        polls += 1
    return polls


def served() -> Talk:
    talk = Talk()
    talk.apply(*(cluster(f"c{number}") for number in range(MANY)))
    talk.ask(CLUSTER)
    talk.settle()
    talk.session.take_events()
    return talk


def test_a_look_at_many_resources_is_several_turns() -> None:
    talk = served()
    talk.now += session.AUDIT
    assert SLICES <= audited(talk) <= SLICES + 2
    assert not talk.events(Drifted)
    talk.now += session.AUDIT / 2
    assert audited(talk) == 1, "it is over"


def test_what_differs_is_found_wherever_it_is_and_sent_again() -> None:
    talk = served()
    of = [f"c{number}" for number in (0, MANY // 2, MANY - 1)]
    for name in of:
        talk.session.subscription(CLUSTER).client.open(name).version = "something else"
    talk.now += session.AUDIT
    talk.have.clear()
    audited(talk)
    assert talk.events(Drifted) == [Drifted(CLUSTER, name, "different") for name in of]
    assert list(talk.have) == of


def test_what_changes_meanwhile_is_not_taken_for_a_difference() -> None:
    talk = served()
    talk.now += session.AUDIT
    talk.poll()
    talk.apply(cluster(f"c{MANY - 1}", "new"), (cluster("c0")[0], None), cluster("fresh"))
    assert audited(talk) > 1
    assert talk.have[f"c{MANY - 1}"] == b"<new>"
    assert not talk.events(Drifted)


def test_while_a_change_is_on_its_way_nothing_is_taken_for_a_difference() -> None:
    talk = served()
    talk.now += session.AUDIT
    talk.poll()
    talk.apply(cluster(f"c{MANY - 1}", "new"))
    sent = talk.one()
    while talk.session.deadline(talk.now) == talk.now:
        assert not talk.poll()
    talk.ack(sent)
    assert not talk.events(Drifted)
