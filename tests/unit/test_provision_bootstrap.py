"""The bootstrap is pure, carries the limits, and the real Envoy accepts it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from daemun.ir.limits import RE2_MAX_PROGRAM_SIZE
from daemun.provision import binary
from daemun.provision.bootstrap import TOKEN_HEADER, bootstrap

_HCM = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_ROUTER = {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}


ADMIN = "/run/daemun/admin.sock"


def made(overrides: dict[str, object] | None = None) -> bytes:
    return bootstrap("default/gw", "s3cret", "/run/daemun/xds.sock", ADMIN, 1 << 30, 1000, overrides)


def validated(config: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "bootstrap.json"
    path.write_bytes(config)
    argv = [str(binary.find()), "--mode", "validate", "--config-path", str(path), "--disable-hot-restart"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


def listener_with(regex: str) -> dict[str, object]:
    route = {"match": {"safe_regex": {"regex": regex}}, "direct_response": {"status": 200}}
    manager = {
        "@type": _HCM,
        "stat_prefix": "l",
        "route_config": {"virtual_hosts": [{"name": "v", "domains": ["*"], "routes": [route]}]},
        "http_filters": [{"name": "router", "typed_config": _ROUTER}],
    }
    address = {"socket_address": {"address": "127.0.0.1", "port_value": 0}}
    chain = {"filters": [{"name": "hcm", "typed_config": manager}]}
    listener = {"name": "l", "address": address, "filter_chains": [chain]}
    return {"dynamic_resources": {}, "static_resources": {"listeners": [listener]}}


def test_equal_arguments_give_equal_bytes() -> None:
    assert made() == made()


def test_the_proxy_presents_its_token_over_the_socket_and_hides_its_admin_interface() -> None:
    config: dict[str, Any] = json.loads(made())
    stream = config["dynamic_resources"]["ads_config"]["grpc_services"][0]
    assert stream["initial_metadata"] == [{"key": TOKEN_HEADER, "value": "s3cret"}]
    assert config["admin"]["address"] == {"pipe": {"path": ADMIN, "mode": 0o600}}
    assert config["node"]["id"] == "default/gw"


def test_envoy_accepts_it_without_a_warning_of_deprecation(tmp_path: Path) -> None:
    done = validated(made(), tmp_path)
    assert done.returncode == 0, done.stderr
    assert "deprecated" not in done.stderr.lower()
    assert "no configured limit" not in done.stderr


def test_envoy_refuses_just_the_regexes_beyond_the_shared_limit(tmp_path: Path) -> None:
    # A counted literal costs one instruction a time, and a handful more for the match itself.
    small = validated(made(listener_with(f"/a{{{RE2_MAX_PROGRAM_SIZE // 2}}}")), tmp_path)
    assert small.returncode == 0, small.stderr
    large = validated(made(listener_with(f"/(a{{900}}){{1}}b{{{RE2_MAX_PROGRAM_SIZE // 2}}}")), tmp_path)
    assert large.returncode != 0
    assert "max program size" in large.stderr


def test_a_proxy_that_nobody_asks_anything_sleeps(tmp_path: Path) -> None:
    (tmp_path / "bootstrap.json").write_bytes(made(listener_with("/") | {"admin": {}}))
    argv = [str(binary.find()), "--config-path", str(tmp_path / "bootstrap.json"), "--disable-hot-restart"]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen([*argv, "--concurrency", "2"], stderr=log)
    try:
        deadline = time.monotonic() + 60
        while "starting workers" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        before, began = wakes(process.pid), time.monotonic()
        time.sleep(4)  # what is counted is what happens in a time
        # With Envoy's own bounds for threads that do not go on it wakes up 45 times a second.
        assert (wakes(process.pid) - before) / (time.monotonic() - began) < 25
    finally:
        process.kill()
        process.wait()


def wakes(pid: int) -> int:
    """How often the threads of a process went to sleep so far, of their own accord."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    lines = [line for text in texts for line in text.splitlines() if line.startswith("voluntary_ctxt_switches")]
    return sum(int(line.split()[1]) for line in lines)
