"""What time and memory know of certificates, with a clock that the test turns."""

import pytest

from daemun.api.core import ConfigMap, Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, Ref
from daemun.gatewayapi.tls.flaws import flaw
from daemun.gloo.secrets import read
from daemun.gloo.secrets.formats import FORMAT
from daemun.plane.keeping import Keeping
from support.objects.certificates import Authority, Pair

CA = Authority()
REF = Ref(CORE, "Secret", "default", "c")
_DAY = 86_400.0


class Clock:
    """Days from now."""

    def __init__(self) -> None:
        import time

        self.began, self.days = time.time(), 0.0

    def __call__(self) -> float:
        return self.began + self.days * _DAY


def secret(pair: Pair, **more: bytes) -> Secret:
    data = {"tls.crt": pair[0], "tls.key": pair[1]} | {key.replace("_", "."): value for key, value in more.items()}
    return Secret(ObjectMeta("c"), data=data, type="kubernetes.io/tls")


def taken(keeping: Keeping, one: object | None) -> Secret:
    ((_, found),) = keeping.take([(REF, one)])
    assert isinstance(found, Secret)
    return found


def test_a_good_one_is_handed_on_as_it_is() -> None:
    keeping, good = Keeping(), secret(CA.issue("a.test"))
    assert taken(keeping, good) is good


def test_a_bad_one_is_replaced_by_the_one_before_it_until_a_good_one_comes() -> None:
    keeping = Keeping()
    old, new = CA.issue("a.test"), CA.issue("a.test")
    taken(keeping, secret(old))
    for bad in (
        secret((old[0], new[1])),
        secret((b"", b"")),
        Secret(ObjectMeta("c")),
        secret((b"no pem", old[1])),
        secret((old[0] * 400, old[1])),
    ):
        found = taken(keeping, bad)
        assert (found.get("tls.crt"), found.get("tls.key")) == old
        assert flaw(found, "tls.crt").endswith("the one before it is served on")
    assert taken(keeping, secret(new)).get("tls.crt") == new[0]
    assert flaw(taken(keeping, secret(new)), "tls.crt") == ""


def test_what_stands_beside_a_bad_pair_counts_as_it_is_written() -> None:
    keeping, old = Keeping(), CA.issue("a.test")
    taken(keeping, secret(old, ca_crt=b"old"))
    found = taken(keeping, secret((b"", b""), ca_crt=b"new"))
    assert found.get("ca.crt") == b"new"


def test_a_bad_one_that_nothing_was_before_is_handed_on_as_it_is() -> None:
    bad = secret((b"", b""))
    assert taken(Keeping(), bad) is bad


def test_one_that_is_gone_is_forgotten() -> None:
    keeping, bad = Keeping(), secret((b"", b""))
    taken(keeping, secret(CA.issue("a.test")))
    assert keeping.take([(REF, None)]) == [(REF, None)]
    assert taken(keeping, bad) is bad


def test_an_expired_one_does_not_replace_a_good_one_but_is_better_than_none() -> None:
    old, expired, early = CA.issue("a.test"), CA.issue("a.test", days=(-2, -1)), CA.issue("a.test", days=(1, 2))
    for bad in (expired, early):
        keeping = Keeping()
        taken(keeping, secret(old))
        assert taken(keeping, secret(bad)).get("tls.crt") == old[0]
        alone = taken(Keeping(), secret(bad))
        assert alone.get("tls.crt") == bad[0]
        assert flaw(alone, "tls.crt").startswith("has expired on" if bad is expired else "is not valid before")


def test_time_alone_makes_flaws_and_mends_them() -> None:
    clock = Clock()
    keeping = Keeping(clock)
    soon, later = CA.issue("a.test", days=(-1, 1)), CA.issue("a.test", days=(0.5, 3))
    assert keeping.due is None
    taken(keeping, secret(soon))
    assert keeping.due == 60, "the clock may be set, and is looked at"
    clock.days = 1 - 30 / _DAY
    assert keeping.due is not None
    assert keeping.due < 31
    clock.days = 0
    assert taken(keeping, secret(later)).get("tls.crt") == soon[0], "it is not valid yet"
    clock.days = 0.6
    (changed,) = keeping.aged()
    assert changed == (REF, secret(later))
    assert taken(keeping, changed[1]) == secret(later)
    clock.days = 4
    assert {ref for ref, _ in keeping.aged()} == {REF}
    assert "has expired" in flaw(taken(keeping, secret(later)), "tls.crt")


@pytest.mark.parametrize("hours", [1, 1000])
def test_f08_what_counts_is_what_the_clock_says_now_also_if_it_is_set_back(hours: int) -> None:
    clock = Clock()
    keeping, pair = Keeping(clock), CA.issue("a.test", days=(-1, 0.5 / 24))
    other = Ref(CORE, "Secret", "default", "other")
    keeping.take([(other, secret(CA.issue("b.test", days=(-1, 3000))))])
    assert flaw(taken(keeping, secret(pair)), "tls.crt") == ""
    clock.days = hours / 24
    ((_, one),) = keeping.aged()
    assert "has expired" in flaw(taken(keeping, one), "tls.crt")
    assert keeping.aged() == []
    clock.days = 0
    ((_, one),) = keeping.aged()
    assert flaw(taken(keeping, one), "tls.crt") == ""
    assert keeping.aged() == []
    clock.days = 1 / 24
    ((_, one),) = keeping.aged()
    assert "has expired" in flaw(taken(keeping, one), "tls.crt")
    assert keeping.due == 60
    keeping.take([(REF, None), (other, None)])
    assert keeping.due is None


def flawed(held: object, key: str) -> str:
    assert isinstance(held, Secret | ConfigMap)
    return flaw(held, key)


def test_lists_of_revocations_and_staples_grow_old() -> None:
    clock = Clock()
    keeping = Keeping(clock)
    pair = CA.issue("a.test", days=(-1, 9))
    held = ConfigMap(ObjectMeta("m"), data={"ca.crt": Authority().pem, "ca.crl": CA.revoked(pair, days=(-1, 0.5))})
    ref = Ref(CORE, "ConfigMap", "default", "m")
    stapled = secret(pair, **{"tls.ocsp-staple": CA.staple(pair, days=(-1, 0.5))})
    assert keeping.take([(ref, held), (REF, stapled)]) == [(ref, held), (REF, stapled)]
    clock.days = 0.7
    found = dict(keeping.take(keeping.aged()))
    assert "has expired" in flawed(found[ref], "ca.crl")
    assert "has expired" in flawed(found[REF], "tls.ocsp-staple")


def test_an_old_authority_may_stay_beside_the_next() -> None:
    old, new = Authority(days=(-3, -1)), Authority()
    ref = Ref(CORE, "ConfigMap", "default", "m")
    for pem, expired in ((old.pem + new.pem, False), (old.pem, True)):
        ((_, found),) = Keeping().take([(ref, ConfigMap(ObjectMeta("m"), data={"ca.crt": pem}))])
        assert ("has expired" in flawed(found, "ca.crt")) == expired


def test_what_is_no_certificate_is_left_alone() -> None:
    keeping = Keeping()
    plain = Secret(ObjectMeta("c"), data={"password": b"x"})
    assert taken(keeping, plain) is plain
    assert keeping.due is None


def test_the_same_again_and_again_is_noted_once_and_what_is_gone_does_not_pile_up() -> None:
    keeping = Keeping()
    taken(keeping, secret(CA.issue("a.test")))
    noted = len(keeping._changes)
    same = secret(CA.issue("a.test"))
    for _ in range(10):
        taken(keeping, same)
    assert noted <= len(keeping._changes) <= 2 * noted
    for number in range(300):
        ref = Ref(CORE, "Secret", "default", f"c{number}")
        keeping.take([(ref, same)])
        keeping.take([(ref, None)])
    assert len(keeping._changes) < 150
    assert keeping.due is not None


def gloos(kind: str, text: str = "") -> Secret:
    """One of the data in `key=value key=value`."""
    return Secret(ObjectMeta("c"), string_data=dict(one.split("=") for one in text.split(" ") if one), type=kind)


def aws(key: str, secret_key: str) -> Secret:
    data = {"aws_access_key_id": key, "aws_secret_access_key": secret_key}
    return Secret(ObjectMeta("c"), string_data={name: text for name, text in data.items() if text})


OAUTH, KEY, SEAL = "extauth.solo.io/oauth", "extauth.solo.io/apikey", "gloo.solo.io.EncryptionKeySecret"
ACCOUNT = "extauth.solo.io/accountcredentials"
FORMED = {
    "OAuth": (gloos(OAUTH, "client-secret=1"), gloos(OAUTH), gloos(OAUTH, "client-secret=2")),
    "API key": (gloos(KEY, "api-key=1"), gloos(KEY, "api-key="), gloos(KEY, "api-key=2")),
    "seal": (gloos(SEAL, f"key={'k' * 32}"), gloos(SEAL, "key=short"), gloos(SEAL, f"key={'n' * 32}")),
    "account": (
        gloos(ACCOUNT, "username=u password=1"),
        gloos(ACCOUNT, "username=u"),
        gloos(ACCOUNT, "username=u password=2"),
    ),
    "AWS, half": (aws("1", "1"), aws("2", ""), aws("2", "2")),
    "AWS, with the end of a line": (aws("1", "1"), aws("2", "2\n"), aws("2", "2")),
    "AWS, empty": (aws("1", "1"), aws("", ""), aws("2", "2")),
}


@pytest.mark.parametrize("name", FORMED)
def test_credentials_that_are_broken_count_as_they_were(name: str) -> None:
    old, bad, new = FORMED[name]
    keeping = Keeping()
    assert taken(keeping, bad) is bad, "there is nothing better"
    assert taken(keeping, old) is old
    for _ in range(2):
        found = taken(keeping, bad)
        assert read(found) == read(old)
        assert flaw(found, FORMAT).endswith("so the one before it counts")
    assert taken(keeping, new) is new
    assert read(taken(keeping, bad)) == read(new)
    keeping.take([(REF, None)])
    assert taken(keeping, bad) is bad, "it was deleted"


def test_a_secret_that_becomes_another_is_that() -> None:
    keeping = Keeping()
    for old, other in (
        (FORMED["OAuth"][0], gloos("kubernetes.io/dockerconfigjson", "x=y")),
        (FORMED["OAuth"][0], FORMED["API key"][0]),
        (FORMED["AWS, half"][0], secret(CA.issue("a.test"))),
    ):
        taken(keeping, old)
        assert taken(keeping, other) is other
        keeping.take([(REF, None)])
