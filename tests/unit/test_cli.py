"""The commands that look and do not serve, as a program and a person see their answers."""

import base64
import json
from importlib import resources
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from daemun.cli.main import app
from support.objects.certificates import Authority
from support.objects.documents import authorities, gateway, listener, secret, validation

LAB = str(resources.files("daemun.demo").joinpath("manifests"))


def run(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == code, result.output
    return result.stdout


def test_explain_for_programs() -> None:
    found = json.loads(run("explain", LAB, "GET", "http://api.example.com:8080/get", "-o", "json"))
    assert found["winner"]["route"] == "HTTPRoute httpbin/httpbin"
    assert found["outcome"]["kind"] == "forwarded"


def test_explain_for_people_names_file_and_line() -> None:
    told = run("explain", LAB, "GET", "http://127.0.0.1:8080/get", "-H", "Host: api.example.com")
    assert "httproute.yaml:" in told
    assert told.rstrip().splitlines()[-1].startswith("Outcome")


@pytest.mark.parametrize(
    "words",
    [
        ("explain", LAB, "GET"),
        ("explain", LAB, "GET", "nonsense"),
        ("explain", LAB, "GET", "http://a/", "-H", "nonsense"),
        ("check", "/does/not/exist"),
        ("check", LAB, "--address", "somewhere"),
    ],
)
def test_what_makes_no_sense_is_an_error_in_a_sentence(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "rror" in result.stderr
    assert "Traceback" not in result.stderr


def test_check_is_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    told = run("check", LAB)
    assert "HTTPRoute httpbin/httpbin" in told
    assert "api.example.com via gloo-system/http" in told


def test_check_gives_the_status_as_it_is_written() -> None:
    found = {one["kind"]: one for one in yaml.safe_load_all(run("check", LAB, "-o", "yaml"))}
    (parent,) = found["HTTPRoute"]["status"]["parents"]
    assert parent["controllerName"] == "solo.io/gloo-gateway"
    assert [one["type"] for one in parent["conditions"]] == ["Accepted", "ResolvedRefs"]
    assert all(one["status"] == "True" and one["lastTransitionTime"] for one in parent["conditions"])


def test_check_asks_the_plug_in_of_a_registry(tmp_path: Path) -> None:
    (tmp_path / "registry.yaml").write_text(
        "apiVersion: daemun.dev/v1alpha1\nkind: Registry\nmetadata: {name: dns}\n"
        "spec:\n  type: dns\n  config:\n    family: IPv5\n"
    )
    told = run("check", str(tmp_path), code=1)
    assert "registry.yaml:7: error[D0101]: Registry default/dns spec.config.family: " in told
    assert "Did you mean 'IPv6'?" in told


def test_translate_names_origins_and_gateways() -> None:
    found = json.loads(run("translate", LAB, "-o", "json", "--gateway", "gloo-system/http"))
    origins = [origin for one in found if one["type"] == "ScopedRouteConfiguration" for origin in one["from"]]
    assert "HTTPRoute httpbin/httpbin spec.rules[0].matches[0]" in origins
    run("translate", LAB, "--gateway", "no/such", code=1)


def test_translate_never_shows_a_private_key(tmp_path: Path) -> None:
    chain, key = Authority().issue("a.example")
    listener = {
        "name": "tls",
        "port": 443,
        "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "s"}]},
    }
    gateway = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": "g"},
        "spec": {"gatewayClassName": "daemun", "listeners": [listener]},
    }
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([secret("s", chain, key), gateway]))
    told = run("translate", str(tmp_path))
    assert "type: Secret" in told
    assert base64.b64encode(key).decode()[40:80] not in told
    assert "PRIVATE KEY" not in told


def test_translate_shows_whom_a_gateway_trusts(tmp_path: Path) -> None:
    pem = Authority().pem
    listeners = [listener(443, certs=["s"])]
    clients = {"frontend": {"default": validation("ca")}}
    documents = [
        secret("s", *Authority().issue("a.example")),
        authorities("ca", pem),
        gateway("g", *listeners, tls=clients),
    ]
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(documents))
    told = run("translate", str(tmp_path), "-o", "json")
    shown = next(one for one in json.loads(told) if one["name"] == "ca/ConfigMap/default/ca")
    held = shown["resource"]["validation_context"]["trusted_ca"]["inline_bytes"]
    assert base64.b64decode(held).decode() == pem
    said = json.loads(run("explain", str(tmp_path), "GET", "https://a.example/", "-o", "json"))
    assert "must show a certificate that ConfigMap default/ca vouches for" in said["entry"]["tls"]
