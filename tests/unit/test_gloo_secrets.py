"""Gloo's formats of Secrets: which one a Secret is, what it holds, and what is said of a malformed one."""

import base64

import msgspec
import pytest

from daemun.api.core import Secret
from daemun.api.kinds import BY_NAME
from daemun.api.meta import ObjectMeta
from daemun.base.names import Name
from daemun.flow import Graph, Source, derive
from daemun.gloo import secrets
from daemun.gloo.secrets.formats import Malformed
from daemun.gloo.secrets.own import ordinary, unfolded
from daemun.sources import documents, yamldoc
from daemun.sources.kube.wire import Wire

MARKER = "do-not-show-this"
META = ObjectMeta("it", "here")
KEY = "k" * 32


def secret(kind: str = "Opaque", text: str = "") -> Secret:
    """One of the data in `key=value key=value`."""
    pairs = (pair.split("=") for pair in text.split())
    return Secret(META, type=kind, data={key: value.encode() for key, value in pairs})


READ = [
    (secret("kubernetes.io/tls", "tls.crt=c tls.key=k"), secrets.Tls(b"c", b"k")),
    (secret("kubernetes.io/tls", "ca.crt=a"), secrets.Tls(authorities=b"a")),
    (
        Secret(META, type="kubernetes.io/tls", data={"tls.crt": b"c", "tls.key": b"k", "tls.ocsp-staple": b"\xff\0"}),
        secrets.Tls(b"c", b"k", staple=b"\xff\0"),
    ),
    (
        Secret(META, string_data={"aws_access_key_id": "i", "aws_secret_access_key": "s"}),
        secrets.Aws("i", "s"),
    ),
    (
        Secret(
            META,
            string_data={"aws_access_key_id": "i", "aws_secret_access_key": "s", "aws_session_token": "t", "x": ""},
        ),
        secrets.Aws("i", "s", "t"),
    ),
    (secret("extauth.solo.io/apikey", "api-key=k user-id=u"), secrets.ApiKey("k", {"user-id": "u"})),
    (secret("extauth.solo.io/oauth", "client-secret=s"), secrets.OAuth("s")),
    (secret("extauth.solo.io/accountcredentials", "username=u password=p"), secrets.Credentials("u", "p")),
    (secret("gloo.solo.io.EncryptionKeySecret", f"key={KEY}"), secrets.EncryptionKey(KEY.encode())),
    (secret("gloo.solo.io/header", "x-a=1"), secrets.Headers({"x-a": "1"})),
    # What has no type of its own and nothing of another format is one of headers.
    (secret("Opaque", "client-secret=s"), secrets.Headers({"client-secret": "s"})),
]


@pytest.mark.parametrize("written, wanted", READ)
def test_a_secret_is_of_the_first_format_that_matches(written: Secret, wanted: secrets.GlooSecret) -> None:
    assert secrets.read(written) == wanted


MALFORMED = [
    (secret("extauth.solo.io/apikey", "user=u"), "has no api-key"),
    (secret("extauth.solo.io/apikey", "api-key="), "has nothing in api-key"),
    (secret("extauth.solo.io/oauth"), "has no client-secret"),
    (secret("extauth.solo.io/accountcredentials", "username=u"), "has no password"),
    (secret("gloo.solo.io.EncryptionKeySecret", "key=short"), "5 bytes, not of 32"),
    (secret("gloo.solo.io/header"), "is empty"),
    (Secret(META, data={"x": b"\xff"}), "not text"),
    (secret("kubernetes.io/dockerconfigjson", "x=y"), "says nothing here"),
]


@pytest.mark.parametrize("written, said", MALFORMED)
def test_a_malformed_one_is_a_value(written: Secret, said: str) -> None:
    found = secrets.read(written)
    assert isinstance(found, Malformed)
    assert said in found.text


@pytest.mark.parametrize(
    ("found", "keys"),
    [
        (secrets.ApiKey("k\n", {"mail": "m\n"}), ["api-key"]),
        (secrets.OAuth("s\r\n"), ["client-secret"]),
        (secrets.Credentials("u\n", "p\n"), ["username", "password"]),
        (secrets.OAuth("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"), []),
        (secrets.ApiKey("k", {}), []),
        (secrets.Headers({"x": "1\n"}), []),
    ],
)
def test_what_echo_leaves_behind_credentials_is_seen(found: object, keys: list[str]) -> None:
    assert secrets.ending(found) == keys


def test_another_kind_than_asked_for_is_said_without_its_content() -> None:
    found = secrets.expect(secret("Opaque", f"x={MARKER}"), secrets.OAuth)
    assert isinstance(found, Malformed)
    assert "extauth.solo.io/oauth" in found.text
    assert MARKER not in found.text


OWN = {
    "tls": (
        {"certChain": "c", "privateKey": "k", "rootCa": "a", "ocspStaple": base64.b64encode(b"\0s").decode()},
        secrets.Tls(b"c", b"k", b"a", b"\0s"),
    ),
    "aws": ({"accessKey": "i", "secretKey": "s", "sessionToken": "t"}, secrets.Aws("i", "s", "t")),
    "azure": ({"apiKeys": {"_master": "m"}}, secrets.Azure({"_master": "m"})),
    "header": ({"headers": {"x-a": "1"}}, secrets.Headers({"x-a": "1"})),
    "oauth": ({"clientSecret": "s"}, secrets.OAuth("s")),
    "apiKey": ({"apiKey": "k", "labels": ["a"], "metadata": {"u": "v"}}, secrets.ApiKey("k", {"u": "v"})),
    "credentials": ({"username": "u", "password": "p"}, secrets.Credentials("u", "p")),
    "encryption": ({"key": KEY}, secrets.EncryptionKey(KEY.encode())),
}


@pytest.mark.parametrize("kind", OWN)
def test_gloos_own_words_are_the_same_secret(kind: str) -> None:
    fields, wanted = OWN[kind]
    made = ordinary(META, {"metadata": {"name": "other"}, kind: fields})
    assert isinstance(made, Secret)
    assert made.name == Name("here", "it")
    assert secrets.read(made) == wanted


@pytest.mark.parametrize(
    "fields",
    [{}, {"tls": {}, "aws": {}}, {"tls": []}, {"tls": {"certChain": 5}}, {"header": {"headers": 5}},
     {"azure": {"apiKeys": {"x": 1}}}, {"tls": {"ocspStaple": "&&&"}}, {"oauth": {"clientSecret": "\ud800"}}],
)  # fmt: skip
def test_gloos_words_that_make_no_sense_are_a_value(fields: dict[str, object]) -> None:
    assert isinstance(ordinary(META, fields), Malformed)


ANNOTATED = """
apiVersion: v1
kind: Secret
metadata: {name: it, namespace: here, annotations: {resource_kind: "*v1.Secret"}}
data:
  azure: %s
"""


def test_the_annotated_form_is_read_from_a_file_and_from_a_cluster() -> None:
    body = base64.b64encode(b"apiKeys:\n  _master: m\n").decode()
    (spot,) = documents.read("x.yaml", (ANNOTATED % body).encode())
    (item,) = spot.chunk.items
    assert isinstance(item.value, Secret)
    assert secrets.read(item.value) == secrets.Azure({"_master": "m"})
    metadata = {"name": "it", "namespace": "here", "annotations": {"resource_kind": "*v1.Secret"}}
    entry = Wire(BY_NAME["", "Secret"]).object(msgspec.json.encode({"metadata": metadata, "data": {"azure": body}}))
    assert isinstance(entry.value, Secret)
    assert secrets.read(entry.value) == secrets.Azure({"_master": "m"})


def test_an_annotated_one_that_cannot_be_read_stays_as_it_is() -> None:
    meta = ObjectMeta("it", "here", annotations={"resource_kind": "*v1.Secret"})
    for body in (b"a: [", b"\xff", b"apiKeys: 5"):
        broken = Secret(meta, data={"azure": body})
        assert unfolded(broken, yamldoc.value) is broken


def test_a_reference_is_the_secret_or_a_finding() -> None:
    graph = Graph()
    source: Source[Name, Secret] = Source(graph, "secrets")
    asked: Source[str, str] = Source(graph, "asked")
    found = derive(
        asked,
        lambda reader, key, name: [(key, secrets.demand(reader, source, "spec.x", Name("here", name), secrets.OAuth))],
        "found",
    )
    with graph.batch():
        source.set(Name("here", "it"), secret("extauth.solo.io/oauth", "client-secret=s"))
        source.set(Name("here", "no"), secret("Opaque", "x=s"))
        for name in ("it", "no", "none"):
            asked.set(name, name)
    assert found["it"] == secrets.OAuth("s")
    assert "Secret here/none does not exist" in str(found["none"])
    assert "holds something else" in str(found["no"])


def test_nothing_that_is_read_shows_itself() -> None:
    for fields, _ in OWN.values():
        for name, inner in fields.items():
            fields[name] = MARKER if isinstance(inner, str) and name not in {"ocspStaple", "key"} else inner
    for kind, (fields, _) in OWN.items():
        made = ordinary(META, {kind: fields})
        assert isinstance(made, Secret)
        assert MARKER not in f"{made!r} {secrets.read(made)!r}"
