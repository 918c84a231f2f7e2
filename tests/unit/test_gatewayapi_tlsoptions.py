"""Options of TLS: which Envoy takes, and which refuse their listener."""

from pathlib import Path
from typing import Any

import pytest

from daemun.gatewayapi.tls.handshakes import CIPHERS, CURVES, checked
from daemun.gatewayapi.tls.options import PREFIX, read, subject_name
from daemun.gloo.tls.handshakes import handshake
from daemun.ir.tls import Handshake, SubjectName
from support.envoys import envoy
from support.objects.cases import objects, translation
from support.objects.certificates import authority
from support.objects.documents import gateway, listener, secret
from support.scenes.world import manifest
from support.servers.ports import free_port


def faults(**options: str) -> list[str]:
    written = {f"{PREFIX}{key.replace('_', '-')}": value for key, value in options.items()}
    return [one.where for one in read("o", "HTTPS", written).faults]


def test_envoy_knows_every_cipher_and_curve_that_is_known_here(tmp_path: Path) -> None:
    every = {"cipher_suites": ", ".join(sorted(CIPHERS)), "curves": ", ".join(sorted(CURVES))}
    grouped = {"cipher_suites": "[ECDHE-ECDSA-AES128-GCM-SHA256|ECDHE-ECDSA-CHACHA20-POLY1305], AES128-SHA"}
    listeners = [
        listener(free_port(), name, certs=["c"], **options)
        for name, options in (("every", every), ("grouped", grouped))
    ]
    path = tmp_path / "in.yaml"
    path.write_text(manifest(gateway("gw", *listeners), secret("c", *authority().issue("a.test"))))
    made = translation(objects(path))
    assert all(one.serves for gate in made.gateways.values() for one in gate.listeners)
    assert not envoy.faults([made], tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("min_version", "SSLv3"),
        ("min_version", ""),
        ("cipher_suites", "RC4-MD5"),
        ("cipher_suites", "TLS_AES_128_GCM_SHA256"),
        ("curves", "secp256k1"),
        ("client_certificate", "none"),
        ("client_names", ""),
        ("client_names", " , "),
        ("client_names", "spiffe://*"),
        ("client_names", "spiffe://acme.test/ns/*"),
        ("client_names", "spiffe://*/a"),
        ("client_names", "a.*.test"),
        ("client_names", "*"),
        ("client_depth", "-1"),
        ("client_depth", "1000"),
        ("client_revocation", "none"),
        ("client_told", "everything"),
        ("ocsp_stapling", "maybe"),
        ("session_resumption", "no"),
        ("client_name", "alice.test"),
    ],
)
def test_what_cannot_be_heeded_refuses_the_listener(option: str, value: str) -> None:
    assert len(faults(**{option: value})) == 1


def test_what_is_of_others_is_left_alone_and_told() -> None:
    found = read("o", "HTTPS", {"example.com/x": "y"})
    assert (found.faults, found.handshake, found.clients, len(found.notes)) == ((), None, None, 1)


def test_only_https_listeners_ask_clients() -> None:
    assert read("o", "TLS", {f"{PREFIX}client-names": "a.test"}).faults
    assert not read("o", "TLS", {f"{PREFIX}min-version": "1.3"}).faults


def test_versions_must_leave_room() -> None:
    assert faults(min_version="1.3", max_version="1.2")
    assert faults(max_version="1.1")
    assert not faults(min_version="1.0", max_version="1.1", cipher_suites="AES128-SHA")


def test_an_old_version_without_its_ciphers_is_none() -> None:
    """Envoy takes it, and speaks it with nobody."""
    assert faults(min_version="1.0", max_version="1.1") == [f"o[{PREFIX}cipher-suites]"]
    assert faults(min_version="1.0", max_version="1.1", cipher_suites="AES128-GCM-SHA256")
    found = read("o", "HTTPS", {f"{PREFIX}min-version": "1.1"})
    assert (found.faults, found.handshake) == ((), Handshake(minimum="TLSv1_1"))
    assert "nothing older than TLSv1_2 is spoken" in found.notes[0].text
    grouped = {f"{PREFIX}min-version": "1.1", f"{PREFIX}cipher-suites": "[ECDHE-RSA-AES128-GCM-SHA256|AES128-SHA]"}
    assert not read("o", "HTTPS", grouped).notes


def test_no_protocol_at_all() -> None:
    assert read("o", "HTTPS", {f"{PREFIX}alpn": "none"}).handshake == Handshake(alpn=None)
    assert handshake(None, ("allow_empty",)) == Handshake(alpn=None)


def test_names_of_protocols_are_not_longer_than_tls_can_say() -> None:
    found = checked(Handshake(alpn=("h2", "x" * 256)), str)
    assert (found.handshake.alpn, len(found.notes)) == (("h2",), 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.test", "DNS"),
        ("*.a.test", "DNS"),
        ("spiffe://a.test/b", "URI"),
        ("urn:uuid:1", "URI"),
        ("10.0.0.1", "IP"),
        ("::1", "IP"),
        ("a@b.test", "EMAIL"),
    ],
)
def test_the_kind_of_a_name(name: str, kind: Any) -> None:
    assert subject_name(name) == SubjectName(kind, name)


def test_gloo_s_names_mean_ours_and_none_is_passed_over() -> None:
    gloo = "gateway.gloo.solo.io/ssl/"
    written = {"minimum-tls-version": "TLSv1_2", "maximum-tls-version": "TLS_AUTO", "ecdh-curves": "X25519"}
    written |= {"verify-subject-alt-name": "a.test", "one-way-tls": "true"}
    found = read("o", "HTTPS", {f"{gloo}{name}": value for name, value in written.items()})
    assert (found.faults, found.notes) == ((), ())
    assert found.handshake == Handshake(minimum="TLSv1_2", curves=("X25519",))
    assert found.clients is not None
    assert found.clients.names == (SubjectName("DNS", "a.test"),)
    both = {f"{gloo}minimum-tls-version": "TLSv1_2", f"{PREFIX}min-version": "1.3"}
    assert read("o", "HTTPS", both).handshake == Handshake(minimum="TLSv1_3")
    for name, value in (("one-way-tls", "false"), ("verify", "a"), ("minimum-tls-version", "SSLv3")):
        assert read("o", "HTTPS", {f"{gloo}{name}": value}).faults, name
