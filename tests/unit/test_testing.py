"""The plug-in for pytest, as those use it who have manifests to test."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MANIFESTS = ROOT / "src" / "daemun" / "demo" / "manifests"

_SUITE = """
manifests: [{manifests}]
cases:
- name: good
  request: {{url: "http://api.example.com:8080/get"}}
  expect: {{backend: httpbin/httpbin, route: httpbin/httpbin}}
- name: bad
  request: {{url: "http://api.example.com:8080/nothing"}}
  expect: {{backend: httpbin/httpbin}}
"""
_TESTS = """
import pytest

def test_routes(daemun_routes):
    routes = daemun_routes({manifests!r})
    good = routes.get("http://api.example.com:8080/get", headers={{"x-a": "b"}})
    assert (good.backend, good.route, good.outcome) == ("httpbin/httpbin", "httproute/httpbin/httpbin", "forwarded")
    assert good.backends == {{"httpbin/httpbin": 100.0}}
    bad = routes.request("POST", "http://api.example.com:8080/nothing")
    assert (bad.backend, bad.route, bad.status, bad.location, bad.filters) == ("", "", 404, "", [])
    assert "404" in repr(bad)
    assert daemun_routes({manifests!r}).translation is routes.translation

def test_mistakes(daemun_routes):
    with pytest.raises(FileNotFoundError):
        daemun_routes("/nowhere")
    with pytest.raises(ValueError, match="URL"):
        daemun_routes({manifests!r}).get("nonsense")
"""


def run(folder: Path) -> str:
    words = [sys.executable, "-m", "pytest", "-p", "daemun.testing", "-q", "-rA", str(folder)]
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


def test_files_are_tests_and_the_fixture_answers(tmp_path: Path) -> None:
    (tmp_path / "lab.routes.yaml").write_text(_SUITE.format(manifests=_MANIFESTS))
    (tmp_path / "test_lab.py").write_text(_TESTS.format(manifests=str(_MANIFESTS)))
    told = run(tmp_path)
    assert "PASSED lab.routes.yaml::good" in told
    assert "backend is none, not httpbin/httpbin (answered with 404: no route matches" in told
    assert "FAILED lab.routes.yaml::bad" in told
    assert "3 passed" in told
    assert "1 failed" in told


def test_a_file_that_cannot_be_read_is_one_error(tmp_path: Path) -> None:
    (tmp_path / "bad.routes.yaml").write_text("cases: [{request: {url: x}, expect: {backnd: y}}]")
    (tmp_path / "empty.routes.yaml").write_text("cases: []")
    told = run(tmp_path)
    assert "unknown field `backnd`" in told
    assert "it names no manifests" in told
    assert "2 errors" in told


def test_the_plug_in_is_an_entry_point() -> None:
    assert '[project.entry-points.pytest11]\ndaemun = "daemun.testing"' in (ROOT / "pyproject.toml").read_text()
