"""The Kubernetes source against an API server that misbehaves as real ones do, only sooner."""

import json

import pytest

from daemun.api.core import ConfigMap, Secret
from daemun.base.names import CORE, GATEWAY, Name, Ref
from daemun.gloo.secrets.labels import labels_ref
from daemun.kube.errors import KubeError
from support.api.fake_api import FakeApi, Refusal
from support.api.kube_watcher import IMPATIENT, watching

ROUTE = {"spec": {"parentRefs": [{"name": "http"}], "hostnames": ["a.example.com"]}}
SECRET = {"type": "Opaque", "data": {"a": "Yg=="}}


def route(host: str) -> dict[str, object]:
    return {"spec": {"parentRefs": [{"name": "http"}], "hostnames": [host]}}


async def test_the_first_batch_is_everything_and_changes_follow() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        api.put("services", "default/web", {"spec": {"ports": [{"port": 80}]}})
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.names("HTTPRoute") == {"default/one"}
            assert watcher.names("Service") == {"default/web"}
            api.put("httproutes", "default/two", ROUTE)
            api.delete("httproutes", "default/one")
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/two"})


async def test_an_empty_cluster_is_told_too() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        await watcher.until(lambda: watcher.batches)
        assert watcher.batches[0].objects == {}
        assert watcher.source.complete


async def test_nothing_is_told_before_every_kind_was_listed() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        api.refusals.extend([Refusal(500, "/services")] * 6)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: len(api.refusals) < 3)
            assert not watcher.batches
            assert any(one.trouble for one in watcher.source.watched if one.kind == "Service")
            await watcher.until(lambda: watcher.batches)
            await watcher.until(lambda: not any(one.trouble for one in watcher.source.watched))


async def test_a_watch_that_is_too_old_lists_again_and_tells_only_differences() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/stays", ROUTE)
        api.put("httproutes", "default/goes", ROUTE)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            watcher.batches.clear()
            await api.stop()
            api.delete("httproutes", "default/goes")
            api.put("httproutes", "default/new", ROUTE)
            api.compact()
            await api.start()
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/stays", "default/new"})
            told = {ref.name for batch in watcher.batches for ref in batch.objects}
            assert told == {"goes", "new"}


async def test_an_api_server_that_is_away_changes_nothing_and_is_caught_up_with() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            watcher.batches.clear()
            await api.stop()
            await watcher.until(lambda: all(one.trouble for one in watcher.source.watched))
            assert not watcher.batches
            api.put("httproutes", "default/one", route("b.example.com"))
            await api.start()
            await watcher.until(lambda: watcher.batches)
            assert [one.lists for one in watcher.source.watched if one.kind == "HTTPRoute"] == [1]


async def test_a_watch_that_falls_silent_is_begun_again() -> None:
    async with FakeApi() as api, watching(api.url, IMPATIENT) as watcher:
        await watcher.until(lambda: watcher.batches)
        api.silent = True
        api.put("httproutes", "default/one", ROUTE)
        await watcher.until(lambda: all(one.breaks for one in watcher.source.watched))
        api.silent = False
        await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/one"})


async def test_a_line_that_was_cut_off_comes_again() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        await watcher.until(lambda: watcher.batches)
        api.piece = 7
        for number in range(20):
            api.put("httproutes", f"default/r{number}", ROUTE)
            if number % 5 == 0:
                api.cut()
        await watcher.until(lambda: len(watcher.names("HTTPRoute")) == 20)
        assert not watcher.batches[-1].problems


async def test_a_server_that_was_restored_from_a_backup_is_believed() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/old", ROUTE)
        backup = api.backup()
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            for number in range(5):
                api.put("httproutes", f"default/lost{number}", ROUTE)
            api.delete("httproutes", "default/old")
            await watcher.until(lambda: "default/lost4" in watcher.names("HTTPRoute"))
            await watcher.until(lambda: "default/old" not in watcher.names("HTTPRoute"))
            api.restore(backup)
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/old"})
            api.put("httproutes", "default/next", ROUTE)
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/old", "default/next"})


async def test_an_api_server_that_asks_to_be_left_alone_is_left_alone() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        await watcher.until(lambda: watcher.batches)
        api.refusals.append(Refusal(429, "/services?", "1"))
        api.cut()
        begun = len(api.requests)
        await watcher.until(lambda: len(_moments(api, "/services?", begun)) > 1)
        refused, again, *_ = _moments(api, "/services?", begun)
        assert again - refused >= 1


def _moments(api: FakeApi, of: str, since: int) -> list[float]:
    return [when for when, one in zip(api.moments[since:], api.requests[since:], strict=True) if of in one]


async def test_a_slow_server_is_only_slow() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        api.pause, api.piece = 0.05, 16
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            api.put("httproutes", "default/two", ROUTE)
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/one", "default/two"})


async def test_many_changes_come_in_few_batches() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        await watcher.until(lambda: watcher.batches)
        watcher.batches.clear()
        for number in range(1000):
            api.put("httproutes", f"default/r{number}", ROUTE)
        await watcher.until(lambda: len(watcher.names("HTTPRoute")) == 1000)
        assert len(watcher.batches) < 200


async def test_a_status_alone_is_seen_and_is_no_change() -> None:
    ref = Ref(GATEWAY, "HTTPRoute", "default", "one")
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.seen[ref].status == b""
            watcher.batches.clear()
            status = {"parents": [{"controllerName": "other.dev/one"}]}
            written = api.put("httproutes", "default/one", {**ROUTE, "status": status})
            version = written["metadata"]["resourceVersion"]
            await watcher.until(lambda: watcher.seen[ref].resource_version == version)
            assert json.loads(watcher.seen[ref].status) == status
            api.put("httproutes", "default/two", ROUTE)
            await watcher.until(lambda: watcher.batches)
            assert {each.name for batch in watcher.batches for each in batch.objects} == {"two"}
            api.delete("httproutes", "default/one")
            await watcher.until(lambda: ref not in watcher.seen)


async def test_an_object_that_cannot_be_decoded_is_named_and_keeps_its_last_good_version() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/good", ROUTE)
        api.put("httproutes", "default/never", {"spec": {"hostnames": [1]}})
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.names("HTTPRoute") == {"default/good"}
            assert [str(one) for one in watcher.batches[0].problems] == [
                "HTTPRoute default/never spec.hostnames[0]: expected 'str', got 'int' (it is 1) Put it into quotes."
            ]
            api.put("httproutes", "default/good", {"spec": {"rules": 1}})
            await watcher.until(lambda: len(watcher.batches[-1].problems) == 2)
            assert watcher.names("HTTPRoute") == {"default/good"}
            assert "what it said before stays in force" in str(watcher.batches[-1].problems[0])
            api.put("httproutes", "default/good", route("b.example.com"))
            api.delete("httproutes", "default/never")
            await watcher.until(lambda: not watcher.batches[-1].problems)


async def test_fields_that_are_null_are_not_there() -> None:
    async with FakeApi() as api:
        api.put("endpointslices", "default/web-1", {"addressType": "IPv4", "endpoints": None, "ports": None})
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.names("EndpointSlice") == {"default/web-1"}
            assert not watcher.batches[0].problems


async def test_kinds_come_and_go_without_a_restart() -> None:
    async with FakeApi() as api:
        api.put("grpcroutes", "default/one", {"spec": {}})
        grpc = api.kinds.pop("grpcroutes")
        ref = Ref(GATEWAY, "GRPCRoute", "default", "one")
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.source.locate(ref) is None
            api.kinds["grpcroutes"] = (grpc[0], grpc[1], ("v1alpha2",))
            await watcher.until(lambda: ref in watcher.objects)
            assert watcher.source.locate(ref) == f"/apis/{GATEWAY}/v1alpha2/namespaces/default/grpcroutes/one"
            watcher.batches.clear()
            api.kinds["grpcroutes"] = grpc
            await watcher.until(lambda: "/v1/" in str(watcher.source.locate(ref)))
            del api.kinds["grpcroutes"]
            api.cut()
            await watcher.until(lambda: ref not in watcher.objects)
            assert ref not in watcher.seen
            assert [batch.objects for batch in watcher.batches] == [{ref: None}]  # no news of the change of version
            api.put("httproutes", "default/one", ROUTE)
            await watcher.until(lambda: watcher.names("HTTPRoute") == {"default/one"})


async def test_a_kind_that_one_look_did_not_find_stays() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            api.hidden.append("httproutes")
            api.refusals.append(Refusal(404, "/httproutes"))
            api.cut()
            await watcher.until(lambda: not api.refusals and not api.hidden)
            api.put("httproutes", "default/two", ROUTE)
            await watcher.until(lambda: "default/two" in watcher.names("HTTPRoute"))
            assert all(None not in batch.objects.values() for batch in watcher.batches)


async def test_only_the_namespaces_asked_for_are_read() -> None:
    async with FakeApi() as api:
        for namespace in ("mine", "also", "other"):
            api.put("httproutes", f"{namespace}/one", ROUTE)
            api.put("secrets", f"{namespace}/key", SECRET)
        api.put("namespaces", "other", {})
        async with watching(api.url, namespaces=("mine", "also")) as watcher:
            watcher.want("Secret", "mine/key", "other/key")
            await watcher.until(lambda: watcher.batches)
            assert watcher.names("HTTPRoute") == {"mine/one", "also/one"}
            assert watcher.names("Namespace") == {"other"}
            await watcher.until(lambda: watcher.names("Secret") == {"mine/key"})
        assert not [
            one
            for one in api.requests
            if "/namespaces/other/" in one or "/httproutes?" in one.partition("namespaces")[0]
        ]


async def test_what_a_secret_holds_is_read_only_if_it_is_wanted() -> None:
    async with FakeApi() as api:
        for name in ("wanted", "private"):
            api.put("secrets", f"default/{name}", SECRET)
            api.put("configmaps", f"default/{name}", {"data": {"a": "b"}})
        async with watching(api.url) as watcher:
            watcher.want("Secret", "default/wanted")
            watcher.want("ConfigMap", "default/wanted")
            await watcher.until(lambda: watcher.batches)
            secret = watcher.objects[Ref(CORE, "Secret", "default", "wanted")]
            assert isinstance(secret, Secret)
            assert secret.data == {"a": b"b"}
            assert isinstance(watcher.objects[Ref(CORE, "ConfigMap", "default", "wanted")], ConfigMap)
            assert len(watcher.objects) == 2
            api.put("secrets", "default/private", {**SECRET, "data": {"a": "YQ=="}})
            api.put("secrets", "default/wanted", {**SECRET, "data": {"a": "Yw=="}})
            await watcher.until(lambda: watcher.objects[Ref(CORE, "Secret", "default", "wanted")] != secret)
            watcher.forgo("Secret", "default/wanted")
            await watcher.until(lambda: watcher.names("Secret") == set())
        assert not [one for one in api.requests if one.endswith("/private")]


async def test_of_every_secret_the_labels_are_told_and_nothing_else() -> None:
    private, plain = labels_ref(Name("default", "private")), labels_ref(Name("default", "plain"))
    async with FakeApi() as api:
        api.put("secrets", "default/private", {**SECRET, "metadata": {"labels": {"team": "a"}}})
        api.put("secrets", "default/plain", SECRET)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            assert watcher.objects[private] == {"team": "a"}
            assert plain not in watcher.objects
            api.put("secrets", "default/private", {**SECRET, "metadata": {"labels": {"team": "b"}}})
            await watcher.until(lambda: watcher.objects[private] == {"team": "b"})
            api.put("secrets", "default/private", SECRET)
            await watcher.until(lambda: private not in watcher.objects)
            api.put("secrets", "default/plain", {**SECRET, "metadata": {"labels": {"team": "c"}}})
            await watcher.until(lambda: plain in watcher.objects)
            api.delete("secrets", "default/plain")
            await watcher.until(lambda: plain not in watcher.objects)
        assert not [one for one in api.requests if one.endswith(("/private", "/plain"))]


async def test_while_a_wanted_secret_is_fetched_nothing_is_complete_and_nothing_else_is_told() -> None:
    async with FakeApi() as api:
        api.put("secrets", "default/key", SECRET)
        async with watching(api.url) as watcher:
            watcher.on_batch = lambda batch: watcher.want("Secret", "default/key") if not batch.objects else None
            api.refusals.extend([Refusal(503, "/secrets/key")] * 5)
            await watcher.until(lambda: watcher.batches)
            assert not watcher.source.complete
            api.put("httproutes", "default/one", ROUTE)
            await watcher.until(lambda: len(watcher.batches) == 2)
            assert watcher.source.complete
            assert watcher.names("Secret") == {"default/key"}


async def test_a_secret_that_does_not_exist_is_known_not_to_and_may_come_and_go() -> None:
    async with FakeApi() as api, watching(api.url) as watcher:
        watcher.want("Secret", "default/key")
        assert not watcher.source.complete
        await watcher.until(lambda: watcher.batches)
        assert watcher.source.complete
        api.put("secrets", "default/key", SECRET)
        await watcher.until(lambda: watcher.names("Secret") == {"default/key"})
        api.delete("secrets", "default/key")
        await watcher.until(lambda: not watcher.names("Secret"))


async def test_that_there_is_no_such_secret_is_not_believed_of_a_proxy() -> None:
    async with FakeApi() as api:
        api.put("secrets", "default/key", SECRET)
        async with watching(api.url) as watcher:
            await watcher.until(lambda: watcher.batches)
            api.refusals.extend([Refusal(404, "/secrets/key", bare=True)] * 3)
            watcher.want("Secret", "default/key")
            await watcher.until(lambda: watcher.names("Secret") == {"default/key"})


async def test_a_silent_server_does_not_make_a_secret_vanish() -> None:
    async with FakeApi() as api:
        api.put("secrets", "default/key", SECRET)
        async with watching(api.url) as watcher:
            watcher.want("Secret", "default/key")
            await watcher.until(lambda: watcher.names("Secret"))
            await api.stop()
            watcher.want("Secret", "default/other")
            await watcher.until(lambda: all(one.breaks > 3 for one in watcher.source.watched))
            assert watcher.names("Secret") == {"default/key"}
            assert not watcher.source.complete
            api.put("secrets", "default/other", SECRET)
            await api.start()
            await watcher.until(lambda: watcher.names("Secret") == {"default/key", "default/other"})


@pytest.mark.parametrize("status", [403, 500])
async def test_a_secret_that_cannot_be_read_does_not_hold_up_the_others(status: int) -> None:
    async with FakeApi() as api:
        api.put("secrets", "default/broken", SECRET)
        api.refusals.extend([Refusal(status, "/secrets/broken")] * 1000)
        async with watching(api.url) as watcher:
            watcher.want("Secret", "default/broken")
            await watcher.until(lambda: watcher.batches)
            assert [str(one) for one in watcher.batches[0].problems] == [
                f"Secret default/broken: cannot be read: it is {status}"
            ]
            api.refusals.clear()
            await watcher.until(lambda: watcher.names("Secret") == {"default/broken"})
            assert not watcher.batches[-1].problems


async def test_a_cluster_can_be_read_once() -> None:
    async with FakeApi() as api:
        api.put("httproutes", "default/one", ROUTE)
        api.put("secrets", "default/key", SECRET)
        api.refusals.append(Refusal(429, "/httproutes", retry_after="1"))
        async with watching(api.url, run=False) as watcher:
            watcher.on_batch = lambda batch: (
                watcher.want("Secret", "default/key") if len(watcher.batches) == 1 else None
            )
            await watcher.source.load()
            assert watcher.names("HTTPRoute") == {"default/one"}
            assert watcher.names("Secret") == {"default/key"}
        assert not [one for one in api.requests if "watch" in one]


async def test_a_cluster_that_is_not_there_cannot_be_read() -> None:
    api = await FakeApi().start()
    await api.stop()
    async with watching(api.url, run=False) as watcher:
        with pytest.raises(KubeError, match="does not answer"):
            await watcher.source.load()
