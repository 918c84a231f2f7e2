"""What the command line makes is what Daemun reads."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from daemun.api.core import Secret
from daemun.api.decode import decode
from daemun.base.names import Name
from daemun.gloo.secrets import kinds
from daemun.gloo.secrets.formats import Malformed, read
from daemun.gloo.secrets.own import unfolded
from daemun.kube.errors import KubeError
from daemun.manage import chart, policies, routes, secrets, upstreams
from daemun.manage.documents import Document, WrongInput, pairs, ref_of, words
from daemun.manage.reaching import Address
from support.objects.certificates import Authority

NAME = Name("gloo-system", "one")
OTHER = Name("other", "two")
WORDS = st.from_regex(r"[a-z][a-z0-9-]{0,9}", fullmatch=True)
PATHS = st.builds("/{}".format, WORDS)


def value(document: Document) -> Any:
    """The typed object; every field of the document is one that its kind has, with a value that it may have."""
    found = decode(document)
    assert found is not None
    assert found.value is not None, found.problems
    assert found.ref == ref_of(document)
    return found.value


def held(document: Document) -> kinds.GlooSecret:
    found = value(document)
    assert isinstance(found, Secret)
    kind = read(unfolded(found, yaml.safe_load))
    assert not isinstance(kind, Malformed), kind
    return kind


def test_secrets_are_read_as_what_they_are(tmp_path: Path) -> None:
    authority = Authority()
    chain, key = authority.issue("a.example")
    files = [tmp_path / name for name in ("chain.pem", "key.pem", "ca.pem", "staple.der")]
    for file, content in zip(files, (chain, key, authority.pem.encode(), b"staple"), strict=True):
        file.write_bytes(content)
    ca = authority.pem.encode()
    assert held(secrets.tls(NAME, *files)) == kinds.Tls(chain, key, ca, b"staple")
    assert held(secrets.tls(NAME, None, None, files[2], None)) == kinds.Tls(b"", b"", ca)
    assert held(secrets.aws(NAME, "id", "secret", "token")) == kinds.Aws("id", "secret", "token")
    assert held(secrets.azure(NAME, {"_master": "k"})) == kinds.Azure({"_master": "k"})
    assert held(secrets.header(NAME, {"x-a": "1"})) == kinds.Headers({"x-a": "1"})
    assert held(secrets.api_key(NAME, "key", {"team": "a"})) == kinds.ApiKey("key", {})
    assert secrets.api_key(NAME, "key", {"team": "a"})["metadata"]["labels"] == {"team": "a"}
    assert held(secrets.oauth(NAME, "s")) == kinds.OAuth("s")
    assert held(secrets.credentials(NAME, "u", "p")) == kinds.Credentials("u", "p")
    assert held(secrets.encryption_key(NAME, "k" * 32)) == kinds.EncryptionKey(b"k" * 32)


def test_a_generated_key_is_another_each_time() -> None:
    one, two = (held(secrets.api_key(NAME, "", {}, generate=True)) for _ in range(2))
    assert isinstance(one, kinds.ApiKey)
    assert isinstance(two, kinds.ApiKey)
    assert one.key != two.key
    assert len(one.key) > 40


def test_keys_of_aws_come_from_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(WrongInput, match="there is no"):
        secrets.aws(NAME, "", "", "")
    (tmp_path / ".aws").mkdir()
    file = tmp_path / ".aws" / "credentials"
    file.write_text("[default]\naws_access_key_id = id\naws_secret_access_key = 50%of\n")
    assert held(secrets.aws(NAME, "", "", "")) == kinds.Aws("id", "50%of")
    file.write_text("[other]\n")
    with pytest.raises(WrongInput, match="has none for the profile default"):
        secrets.aws(NAME, "", "", "")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: secrets.tls(NAME, Path("a"), None, None, None), "--certchain is given without --privatekey"),
        (lambda: secrets.tls(NAME, None, None, None, None), "nothing to put into"),
        (lambda: secrets.tls(NAME, Path("/no/such"), Path("/no/such"), None, None), "/no/such cannot be read"),
        (lambda: secrets.header(NAME, {}), "no headers"),
        (lambda: secrets.azure(NAME, {}), "no keys"),
        (lambda: secrets.api_key(NAME, "", {}), "no key"),
        (lambda: secrets.oauth(NAME, ""), "no secret"),
        (lambda: secrets.credentials(NAME, "u", ""), "no account"),
        (lambda: secrets.encryption_key(NAME, "short"), "has 5 bytes"),
        (lambda: upstreams.static(NAME, []), "no hosts"),
        (lambda: upstreams.static(NAME, ["a:b"]), "'a:b' has no port"),
        (lambda: upstreams.static(NAME, ["a:0"]), "'a:0' has no port"),
        (lambda: upstreams.static(NAME, [":80"]), "has no host"),
        (lambda: upstreams.static(NAME, ["a"], spec="soap"), "soap is not one"),
        (lambda: upstreams.kube(NAME, Name("a", ""), 80), "no Service"),
        (lambda: upstreams.aws(NAME, "r", Name("a", "")), "no Secret"),
        (lambda: upstreams.azure(NAME, "", OTHER), "no app"),
        (lambda: upstreams.group(NAME, {"plain": "1"}), "no Upstream with its namespace"),
        (lambda: upstreams.group(NAME, {"a.b": "much"}), "the weight of a.b"),
        (lambda: routes.route(routes.Wanted(upstream=OTHER)), "no path"),
        (lambda: routes.route(routes.Wanted(prefix="/", exact="/", upstream=OTHER)), "more than one path"),
        (lambda: routes.route(routes.Wanted(prefix="/")), "no place"),
        (lambda: routes.route(routes.Wanted(prefix="/", upstream=NAME, group=NAME)), "more than one place"),
        (lambda: routes.add(routes.virtual_service(NAME, []), {}, 1), "no place 1 among 0"),
        (lambda: routes.remove(routes.virtual_service(NAME, []), 0), "VirtualService one has no route 0"),
        (lambda: policies.auth_config(NAME, None, None, None), "nothing to check"),
        (lambda: policies.auth_config(NAME, policies.Oidc("", "", "", Name("", "")), None, None), "OIDC needs more"),
        (lambda: policies.auth_config(NAME, None, policies.Keys(), None), "API keys are nowhere"),
        (lambda: policies.auth_config(NAME, None, None, policies.Modules([], "")), "OPA needs"),
        (lambda: pairs(["a"], "--x"), "--x 'a' is not key=value"),
        (lambda: pairs(["=a"], "--x"), "is not key=value"),
    ],
)
def test_what_cannot_be_made_is_told(make: Any, told: str) -> None:
    with pytest.raises(WrongInput, match=told) as error:
        make()
    assert error.value.mend or "nowhere" in told


def test_upstreams() -> None:
    static = value(upstreams.static(NAME, ["a.example", "10.0.0.1:8080", "[::1]:90", "[::2]"], tls=True, spec="rest"))
    assert [(one.addr, one.port) for one in static.spec.static.hosts] == [
        ("a.example", 80),
        ("10.0.0.1", 8080),
        ("::1", 90),
        ("::2", 80),
    ]
    assert static.spec.static.use_tls
    assert static.spec.static.service_spec.rest is not None
    kube = value(upstreams.kube(NAME, OTHER, 8080, {"v": "1"}, "grpc")).spec.kube
    assert (kube.service_name, kube.service_namespace, kube.service_port, kube.selector) == (
        "two",
        "other",
        8080,
        {"v": "1"},
    )
    assert value(upstreams.consul(NAME, "s", ["a"])).spec.consul.service_tags == ("a",)
    assert value(upstreams.aws(NAME, "r", OTHER)).spec.aws.secret_ref.name == "two"
    assert value(upstreams.azure(NAME, "app", OTHER)).spec.azure.function_app_name == "app"
    found = value(upstreams.ec2(NAME, "r", OTHER, role="arn", public=True, keys=["k"], tags={"a": "b"})).spec.aws_ec2
    assert [one.key or one.kv_pair.value for one in found.filters] == ["k", "b"]
    group = value(upstreams.group(NAME, {"ns.a.b": "9"}))
    assert group.spec.destinations[0].destination.upstream.name == "a.b"


def test_tls_of_an_upstream_comes_and_goes() -> None:
    plain = upstreams.static(NAME, ["a"])
    secure = value(upstreams.secure(plain, OTHER, "a.example"))
    assert (secure.spec.ssl_config.secret_ref.name, secure.spec.ssl_config.sni) == ("two", "a.example")
    assert value(upstreams.open_up(plain)).spec.ssl_config is None


def test_every_kind_of_route() -> None:
    first = routes.Wanted(
        prefix="/a", methods=["get"], headers={"x": "1"}, query={"q": "2"}, upstream=OTHER, prefix_rewrite="/"
    )
    wanted = [
        first,
        routes.Wanted(exact="/b", group=OTHER),
        routes.Wanted(regex="/c.*", upstream=OTHER, function="f", unwrap_alb=True),
        routes.Wanted(prefix="/d", upstream=OTHER, rest_function="r", rest_parameters={"id": "{x}"}),
    ]
    host = routes.virtual_service(NAME, ["a.example"], "A")
    for at, one in enumerate(wanted):
        routes.add(host, routes.route(one), at)
    made = value(routes.secure(host, OTHER, ["a.example"]))
    assert len(made.spec.virtual_host.routes) == len(wanted)
    assert made.spec.ssl_config.sni_domains == ("a.example",)
    assert value(routes.open_up(host)).spec.ssl_config is None
    table = routes.add(routes.route_table(NAME), routes.route(routes.Wanted(prefix="/", table=OTHER)))
    assert value(table).spec.routes[0].delegate_action.ref.name == "two"
    assert value(policies.no_auth(routes.at(host, 0)) and host).spec.virtual_host.routes[0].options.extauth.disable


def test_an_auth_config_of_everything() -> None:
    oidc = policies.Oidc("https://id", "https://app", "me", OTHER, scopes=["email"], parameters={"b": "1", "a": "2"})
    keys = policies.Keys({"team": "a"}, OTHER)
    made = value(policies.auth_config(NAME, oidc, keys, policies.Modules([OTHER], "data.x == true")))
    assert [one.oauth2 is not None for one in made.spec.configs] == [True, False, False]
    assert made.spec.configs[1].api_key_auth.k8s_secret_apikey_storage.label_selector == {"team": "a"}


def test_limits_may_be_written_as_envoys_service_has_them() -> None:
    written = {"descriptors": [{"key": "unit", "rateLimit": {"unit": "minute", "requestsPerUnit": 1}}]}
    upper = policies.upper_units(written)
    assert upper["descriptors"][0] == {"key": "unit", "rateLimit": {"unit": "MINUTE", "requestsPerUnit": 1}}


@given(st.lists(st.tuples(st.sampled_from(["prefix", "exact", "regex"]), PATHS), max_size=8))
def test_sorted_routes_are_the_same_routes_and_stay_sorted(paths: list[tuple[str, str]]) -> None:
    """Law: sorting loses nothing, and sorting again changes nothing."""
    host = routes.virtual_service(NAME, [])
    for kind, path in paths:
        routes.add(host, routes.route(routes.Wanted(**{kind: path}, upstream=OTHER)))
    before = [str(one) for one in routes.routes_of(host)]
    after = [str(one) for one in routes.routes_of(routes.sort(host))]
    assert sorted(before) == sorted(after)
    assert [str(one) for one in routes.routes_of(routes.sort(host))] == after
    exact = [("exact" in one["matchers"][0]) for one in routes.routes_of(host)]
    assert exact == sorted(exact, reverse=True), "exact paths come first"


@given(st.dictionaries(WORDS, st.text(st.characters(exclude_characters=",="), max_size=5), max_size=4))
def test_pairs_may_be_given_at_once_or_one_by_one(entries: dict[str, str]) -> None:
    """Law: commas and repetition are the same."""
    one_by_one = [f"{key}={value}" for key, value in entries.items()]
    assert pairs(one_by_one, "--x") == entries
    assert not entries or pairs([",".join(one_by_one)], "--x") == entries


def test_a_comma_in_a_value_is_one() -> None:
    assert pairs(["a=1,2,b=3"], "--x") == {"a": "1,2", "b": "3"}
    assert words(["a, b", "c", ""]) == ["a", "b", "c"]


def test_addresses() -> None:
    assert Address("::1", 443, tls=True).url == "https://[::1]:443"
    assert Address("10.0.0.1", 80).text == "10.0.0.1:80"


def test_helm_is_needed_and_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (chart.path() / "Chart.yaml").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KubeError, match="no helm on this machine"):
        chart.helm(["version"])
