"""Certificates that renew themselves: when, and that no proxy is ever shown one that it does not trust yet."""

import datetime
from collections.abc import Iterator

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from daemun.provision.kube.certificates import (
    AUTH,
    AUTH_KEY,
    AUTHORITY,
    AUTHORITY_LIFE,
    FORMER,
    NEXT,
    PROXY,
    SERVER,
    SERVER_KEY,
    SERVER_LIFE,
    SPREAD,
    Hosts,
    Pems,
    bundle,
    renewed,
)

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
HOST = Hosts("daemun.daemun-system.svc")


def issuers(pems: Pems) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(bundle(pems).encode())


def trusted(pems: Pems, by: Pems, now: datetime.datetime) -> bool:
    """Whether a proxy that has the bundle of `by` believes the server of `pems`."""
    server = x509.load_pem_x509_certificate(pems[SERVER])
    if not server.not_valid_before_utc <= now <= server.not_valid_after_utc:
        return False
    for one in issuers(by):
        if one.subject == server.issuer and one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            server.verify_directly_issued_by(one)
            return True
    return False


def test_nothing_changes_until_it_is_due() -> None:
    first = renewed({}, HOST, START)
    assert renewed(first, HOST, START) == first
    assert renewed(first, HOST, START + SERVER_LIFE * 2 / 3 - HOUR) == first
    later = renewed(first, HOST, START + SERVER_LIFE * 2 / 3)
    assert later[AUTHORITY] == first[AUTHORITY]
    assert later[SERVER] != first[SERVER]


def test_another_host_needs_another_certificate() -> None:
    first = renewed({}, HOST, START)
    assert renewed(first, Hosts("other.daemun-system.svc"), START)[SERVER] != first[SERVER]


def test_each_server_has_a_certificate_of_its_own() -> None:
    first = renewed({}, HOST, START)
    both = Hosts(HOST.xds, "daemun-extauth.daemun-system.svc")
    later = renewed(first, both, START + HOUR)
    assert {name: later[name] for name in first} == first
    assert later[AUTH_KEY] != later[SERVER_KEY]
    names = x509.load_pem_x509_certificate(later[AUTH]).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == [both.auth]
    proxy = x509.load_pem_x509_certificate(later[PROXY]).extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    assert list(proxy.value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    again = renewed(later, both, START + SERVER_LIFE * 2 / 3)  # when that of xDS is due, an hour before the other
    assert (again[AUTH] == later[AUTH], again[SERVER] == later[SERVER]) == (True, False)
    assert renewed(again, both, START + SERVER_LIFE * 2 / 3 + HOUR)[AUTH] != later[AUTH]


def test_f08_what_was_made_while_the_clock_was_ahead_is_made_anew() -> None:
    first = renewed({}, HOST, START)
    ahead = renewed(first, HOST, START + SERVER_LIFE)
    now = START + HOUR
    assert not trusted(ahead, ahead, now)
    after = renewed(ahead, HOST, now)
    assert trusted(after, first, now), "proxies know its authority"
    assert renewed(after, HOST, now) == after
    for jump in (HOUR, AUTHORITY_LIFE + HOUR):
        begun = renewed(first if jump > HOUR else {}, HOST, START + jump)
        assert not trusted(begun, begun, START)
        mended = renewed(begun, HOST, START)
        assert trusted(mended, mended, START)
        assert renewed(mended, HOST, START) == mended


def test_what_is_broken_is_made_anew() -> None:
    first = dict(renewed({}, HOST, START))
    other = renewed({}, HOST, START)
    assert renewed({**first, SERVER: b"nonsense"}, HOST, START)[AUTHORITY] == first[AUTHORITY]
    assert renewed({**first, SERVER_KEY: other[SERVER_KEY]}, HOST, START)[SERVER] != first[SERVER]
    assert renewed({**first, AUTHORITY: b"nonsense"}, HOST, START)[AUTHORITY] != first[AUTHORITY]


def history() -> Iterator[tuple[datetime.datetime, Pems]]:
    """Twelve years, looked at every six hours around what changes and every ten days otherwise."""
    now, pems = START, renewed({}, HOST, START)
    while now < START + 4 * AUTHORITY_LIFE:
        yield now, pems
        busy = NEXT in pems or FORMER in pems
        now += 6 * HOUR if busy else datetime.timedelta(days=10)
        pems = renewed(pems, HOST, now)


def test_through_the_years_a_proxy_that_is_half_a_day_behind_always_trusts_the_server() -> None:
    behind: list[tuple[datetime.datetime, Pems]] = []
    authorities = set()
    for now, pems in history():
        behind = [one for one in behind if one[0] >= now - 12 * HOUR] or behind[-1:]
        behind.append((now, pems))
        assert all(trusted(pems, by=known, now=now) for _, known in behind)
        assert all(trusted(shown, by=pems, now=now) for at, shown in behind if at >= now - 12 * HOUR)
        authorities.add(pems[AUTHORITY])
    assert len(authorities) > 4


def test_a_new_authority_is_announced_a_day_before_it_signs() -> None:
    first = renewed({}, HOST, START)
    due = START + AUTHORITY_LIFE * 2 / 3
    announced = renewed(first, HOST, due)
    assert len(issuers(announced)) == 2
    assert announced[AUTHORITY] == first[AUTHORITY]
    assert renewed(announced, HOST, due + SPREAD - HOUR) == announced
    signing = renewed(announced, HOST, due + SPREAD)
    assert signing[AUTHORITY] == announced[NEXT]
    assert signing[FORMER] == first[AUTHORITY]
    assert len(issuers(renewed(signing, HOST, due + 2 * SPREAD))) == 1
