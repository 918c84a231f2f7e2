"""The webhook's judgement: what is refused, what is only told, and that nothing of it stays."""

import asyncio
from typing import Any

import msgspec
import pytest

from daemun.admission.judge import Judge, Policy
from daemun.admission.review import Verdict, answer, question
from daemun.explain.suppose import Suppositions
from daemun.gatewayapi.settings import cluster
from daemun.sources import yamldoc
from daemun.sources.registries.kinds import fault
from daemun.translate import Translation
from support.objects.documents import gateway, listener, route, rule, service
from support.scenes.churn import typed

STRICT = Policy(always_accept=False)


def upstream(name: str = "u", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": name}, "spec": spec}


def option(*, name: str = "o", **spec: Any) -> dict[str, Any]:
    return {"apiVersion": "gateway.solo.io/v1", "kind": "RouteOption", "metadata": {"name": name}, "spec": spec}


class Court:
    """A judge, and the world that he knows."""

    def __init__(self, policy: Policy = STRICT) -> None:
        settings = cluster(yamldoc.value, assume_programmed=True)
        self.translation = Translation(msgspec.structs.replace(settings, registry_fault=fault))
        self.translation.apply(
            typed([gateway("gw", listener(80)), *service("a", 1), route("r", rule(to="a"), hosts=["a.example"])])
        )
        self.suppositions = Suppositions(self.translation)
        self.judge = Judge(self.suppositions, lambda: policy, self._fetched)

    async def _fetched(self) -> None:
        await asyncio.sleep(0)

    async def asks(self, document: dict[str, Any], operation: str = "CREATE") -> Verdict:
        group, _, version = document["apiVersion"].rpartition("/")
        field = "oldObject" if operation == "DELETE" else "object"
        asked = {
            "uid": "1",
            "kind": {"group": group, "version": version, "kind": document["kind"]},
            "operation": operation,
            "name": document["metadata"]["name"],
            "namespace": "default",
            field: document,
        }
        before = self.state()
        verdict = await self.judge.judge(question(msgspec.json.encode({"request": asked})))
        assert self.state() == before
        return verdict

    def state(self) -> list[dict[Any, Any]]:
        return [dict(node) for node in self.translation.graph.nodes]


async def test_what_is_right_is_let_through() -> None:
    assert await Court().asks(route("other", rule(to="a"), hosts=["b.example"])) == Verdict()


@pytest.mark.parametrize("policy", [STRICT, Policy()])
async def test_what_cannot_be_read_is_always_refused(policy: Policy) -> None:
    verdict = await Court(policy).asks(upstream(static={"hosts": "not a list"}))
    assert verdict.refusal.startswith("Validating *v1.Upstream failed: spec.static.hosts: ")


async def test_a_field_of_a_newer_api_is_told_and_does_no_harm() -> None:
    verdict = await Court().asks(option(options={"tomorrow": 1}))
    assert verdict.refusal == ""
    assert verdict.warnings[0].startswith("spec.options.tomorrow: RouteOption has no such field")


async def test_a_route_that_leads_nowhere_is_told_and_never_refused() -> None:
    verdict = await Court().asks(route("lost", rule(to="missing"), hosts=["b.example"]))
    assert verdict.refusal == ""
    assert "missing does not exist" in verdict.warnings[0]


async def test_what_asks_to_be_skipped_is_not_looked_at() -> None:
    document = upstream(static={"hosts": "not a list"})
    document["metadata"]["annotations"] = {"gateway.solo.io/skip_validation": "true"}
    assert await Court().asks(document) == Verdict()


async def test_what_a_deletion_breaks_of_others_is_told() -> None:
    verdict = await Court().asks(service("a", 1)[0], "DELETE")
    assert verdict.refusal == ""
    assert verdict.warnings[0].startswith(
        "HTTPRoute default/r spec.rules[0].backendRefs[0]: Service default/a does not exist"
    )


async def test_what_was_wrong_before_is_not_held_against_the_object() -> None:
    court = Court()
    court.translation.apply(typed([route("lost", rule(to="missing"), hosts=["b.example"])]))
    assert await court.asks(route("lost", rule(to="missing"), hosts=["c.example"]), "UPDATE") == Verdict()


async def test_real_changes_meanwhile_stay() -> None:
    court = Court()
    changed = typed([route("r", rule(to="a"), hosts=["new.example"])])

    async def meanwhile() -> None:
        court.suppositions.apply(changed)

    court.judge._fetched = meanwhile
    group = {"group": "gateway.networking.k8s.io", "version": "v1", "kind": "HTTPRoute"}
    asked = {"uid": "1", "kind": group, "operation": "UPDATE", "name": "r", "namespace": "default"}
    document = route("r", rule(to="a"), hosts=["supposed.example"])
    await court.judge.judge(question(msgspec.json.encode({"request": {**asked, "object": document}})))
    (hosts,) = [one.route.hostnames for one in court.translation.routes.values()]
    assert hosts == ("new.example",)


def test_an_answer_is_short_enough_for_an_api_server() -> None:
    body = msgspec.json.decode(answer("7", Verdict("no", ("x" * 1000,) * 20)))["response"]
    assert body["uid"] == "7"
    assert not body["allowed"]
    assert body["status"]["message"] == "no"
    assert len(body["warnings"]) == 17
    assert max(map(len, body["warnings"])) == 256


async def test_a_registry_that_its_plug_in_could_not_open() -> None:
    registry = {"apiVersion": "daemun.dev/v1alpha1", "kind": "Registry", "metadata": {"name": "machines"}}
    wrong = {**registry, "spec": {"type": "ec2", "config": {"region": "Frankfurt"}}}
    verdict = await Court().asks(wrong)
    assert "spec.config.region: expected 'str' matching regex" in verdict.refusal
    right = {**registry, "spec": {"type": "ec2", "config": {"region": "eu-central-1"}}}
    assert await Court().asks(right) == Verdict()
