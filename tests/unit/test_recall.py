"""What is kept on disk for a start without the API server."""

import asyncio
import itertools
import json
from pathlib import Path

import pytest

from daemun import cluster, disk
from daemun.api.core import ConfigMap, Secret
from daemun.api.meta import ObjectMeta
from daemun.base.names import CORE, GATEWAY, Ref
from daemun.cluster import ClusterApp
from daemun.disk import DamagedError, Shelf
from daemun.installation import Installation
from daemun.kube.client import KubeClient
from daemun.provision.kube.issuer import Known
from daemun.provision.kube.issuer import encode as encode_issuer
from daemun.provision.kube.keyring import Certificates
from daemun.recall import Recall
from daemun.sources.kube.memory import KubeMemory
from support.cases import objects
from support.fake_api import FakeApi
from support.world import until

SECRET = Ref(CORE, "Secret", "default", "s")


def secret(text: str) -> Secret:
    return Secret(ObjectMeta("s", "default"), data={"tls.key": text.encode()})


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "state", disk.key(tmp_path / "key"))


def test_what_is_on_the_shelf_is_of_use_only_with_its_key_and_in_its_place(tmp_path: Path, shelf: Shelf) -> None:
    shelf.put("a", b"secret")
    shelf.put("b", b"secret")
    files = [tmp_path / "state" / name for name in ("a", "b")]
    assert shelf.get("a") == b"secret"
    assert shelf.get("c") is None
    assert files[0].read_bytes() != files[1].read_bytes()
    assert not any(b"secret" in file.read_bytes() for file in files)
    assert {file.stat().st_mode & 0o777 for file in [*files, tmp_path / "key"]} == {0o600}
    with pytest.raises(DamagedError):
        Shelf(tmp_path / "state", bytes(32)).get("a")
    files[1].rename(files[0])
    with pytest.raises(DamagedError):
        shelf.get("a")
    (tmp_path / "short").write_bytes(b"x")
    with pytest.raises(ValueError, match="has no key"):
        disk.key(tmp_path / "short")


def test_every_object_is_recalled_as_it_was(shelf: Shelf) -> None:
    files = sorted((Path(__file__).parents[1] / "golden" / "tls").glob("*/in.yaml"))
    kept = dict(itertools.chain.from_iterable(objects(file.read_text()).items() for file in files))
    assert {ref.kind for ref in kept} > {"Gateway", "HTTPRoute", "Secret", "Service"}
    memory = KubeMemory(shelf, lambda: True)
    memory._write(dict(kept))
    assert memory.recall() == kept


def test_changes_are_written_over_what_was_and_a_new_start_forgets_what_is_gone(shelf: Shelf) -> None:
    other = Ref(CORE, "ConfigMap", "default", "c")
    memory = KubeMemory(shelf, lambda: True)
    assert memory.recall() is None
    memory._write({SECRET: secret("old"), other: ConfigMap(ObjectMeta("c", "default"))})
    memory._write({SECRET: secret("new")})
    assert memory.recall() == {SECRET: secret("new"), other: ConfigMap(ObjectMeta("c", "default"))}
    memory._write({other: None})
    assert memory.recall() == {SECRET: secret("new")}
    again = KubeMemory(shelf, lambda: True)
    again._write({other: ConfigMap(ObjectMeta("c", "default"))})
    assert again.recall() == {other: ConfigMap(ObjectMeta("c", "default"))}


def test_half_of_it_is_nothing(tmp_path: Path, shelf: Shelf) -> None:
    memory = KubeMemory(shelf, lambda: True)
    memory._write({SECRET: secret("old")})
    (tmp_path / "state" / "whole").rename(tmp_path / "aside")
    assert memory.recall() is None, "the first writing did not come to its end"
    (tmp_path / "aside").rename(tmp_path / "state" / "whole")
    assert memory.recall()
    next((tmp_path / "state").glob("0*")).write_bytes(b"damaged")
    assert memory.recall() is None


async def test_what_was_deleted_meanwhile_goes_when_the_api_server_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "RECALL_SECONDS", 0.01)
    installation = Installation(
        "default", "daemun", "one", "none", xds_port=0, health_port=0,
        state_dir=str(tmp_path / "state"), state_key=str(tmp_path / "key"),
    )  # fmt: skip
    client = KubeClient.at("http://127.0.0.1:1")
    recall = Recall(client, tmp_path / "state", tmp_path / "key", lambda: True)
    kept = {
        name: {
            "apiVersion": f"{GATEWAY}/v1", "kind": "HTTPRoute", "metadata": {"name": name, "namespace": "default"},
            "spec": {"parentRefs": [{"name": "gate"}]},
        }
        for name in ("stays", "goes")
    }  # fmt: skip
    recall._memory._write(dict(objects("\n---\n".join(map(json.dumps, kept.values())))))
    recall._shelf.put("issuer", encode_issuer(Known("", ())))
    recall.keep(Certificates(b"", b"", ""))
    async with FakeApi() as api:
        api.put("httproutes", "default/stays", kept["stays"])
        await api.stop()
        api_client = KubeClient.at(api.url)
        app = ClusterApp(api_client, installation)
        app._certified = lambda _: None  # type: ignore[method-assign,assignment]
        work = [asyncio.create_task(one) for one in (app.plane.run(), app.source.run(), app._start_alone(recall))]
        try:
            routes = app.plane.translation.sources[GATEWAY, "HTTPRoute"]
            await until(lambda: set(map(str, routes)) == {"default/stays", "default/goes"})
            assert app._alone()
            assert not app._current()
            assert not app._live.is_set()
            await api.start()
            await until(lambda: set(map(str, routes)) == {"default/stays"})
            await until(app._live.is_set)
            assert not app._alone()
        finally:
            for one in work:
                one.cancel()
            await asyncio.gather(*work, return_exceptions=True)
            await api_client.close()
