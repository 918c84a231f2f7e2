"""What Gateways come to in a cluster: `in.yaml` to `objects.yaml` (what is made) and `status.yaml`.

A first line `# show: Service` limits `objects.yaml` to those kinds. `make golden` writes the expected files anew.
"""

import os
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from daemun.gatewayapi.proxies.answers import ProxyState
from daemun.gatewayapi.settings import cluster
from daemun.provision.kube.objects import render
from daemun.provision.kube.settings import READY_PORT, ProxySettings
from daemun.translate import Translation
from support.checks.render import statuses
from support.objects.cases import objects

HERE = Path(__file__).parent
CASES = sorted(path.parent for path in HERE.rglob("in.yaml"))
WRITE = os.environ.get("DAEMUN_GOLDEN") == "write"
PROXIES = ProxySettings("daemun:test", "daemun.daemun-system.svc")


def load(case: Path) -> Translation:
    """As in a cluster in which every proxy that runs has acknowledged."""
    made = Translation(cluster(yaml.safe_load, frozenset({READY_PORT})))
    made.apply(objects(case / "in.yaml").items())
    for gateway in made.gateways.values():
        made.proxies.set(gateway.proxy, ProxyState(gateway))
    assert not made.graph.failures
    return made


def made_objects(made: Translation, show: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for placement in made.placements.values():
        for one in render(placement, PROXIES, "PEM") if placement.made else ():
            if not show or one.made.kind in show:
                found[f"{one.made.kind} {one.name}"] = _short(one.body)
    return found


def _short(body: Any) -> Any:
    """Without what the key has said, and with files by their length."""
    body = {key: value for key, value in body.items() if key not in {"apiVersion", "kind"}}
    body["metadata"] = {key: value for key, value in body["metadata"].items() if key not in {"name", "namespace"}}
    if "data" in body:
        body["data"] = {key: value if len(value) < 80 else "(long)" for key, value in body["data"].items()}
    return body


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(HERE).as_posix())
def test_placed(case: Path) -> None:
    made = load(case)
    found = re.match(r"# show: (.+)", (case / "in.yaml").read_text())
    status = {ref: value for ref, value in statuses(made) if ref.startswith("Gateway")}
    for file, value in (
        ("objects.yaml", made_objects(made, found[1].split(", ") if found else [])),
        ("status.yaml", status),
    ):
        text = yaml.dump(
            msgspec.json.decode(msgspec.json.encode(value)),
            sort_keys=False,
            default_flow_style=None,
            width=120,
            allow_unicode=True,
        )
        if WRITE:
            (case / file).write_text(text)
        assert (case / file).read_text() == text
