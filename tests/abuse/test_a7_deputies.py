"""A7: nobody has the gateway do to another's routes, hosts or listeners what only their owner may.

Each of these is applied while the owner's are served; they stay as they are, and the loser's status says why.
"""

from typing import Any

import pytest
import pytest_asyncio

from support.objects.auth import auth_policy
from support.objects.documents import Doc, gateway, listener, listener_set, prefix, reference, route, rule, upstream
from support.scenes.world import World, until

pytestmark = pytest.mark.asyncio(loop_scope="module")
_OLD, _NEW = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
_SOLO = "gateway.solo.io"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(shared: World) -> None:
    """A Gateway of the platform's, open to all, on which the namespace `shop` was first with its host."""
    await shared.echo("shop/shop", "evil/evil")
    shared.write("gateway.yaml", gateway("gw", listener(shared.port, namespaces="All"), sets="All", created=_OLD))
    shared.write(
        "shop.yaml",
        route("shop/r", rule(prefix("/"), to="shop"), parents=["default/gw"], hosts=["shop.test"], created=_OLD),
    )
    await shared.start()


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def unharmed(shared: World) -> Any:
    """Before and after each attempt the shop is served by its own backend, as it was written."""
    yield
    got = await shared.ask("/x", host="shop.test")
    assert (got.status, got.backend, got.sent("x-evil")) == (200, "shop", [])
    (shared.folder / "attempt.yaml").unlink(missing_ok=True)
    await until(lambda: not shared.problems())


def _policy(kind: str, target: Doc, **options: Any) -> Doc:
    meta = {"name": "evil", "namespace": "evil", "creationTimestamp": _NEW}
    spec = {"targetRefs": [target], "options": options}
    return {"apiVersion": f"{_SOLO}/v1", "kind": kind, "metadata": meta, "spec": spec}


def _target(kind: str, name: str, namespace: str) -> Doc:
    return {"group": "gateway.networking.k8s.io", "kind": kind, "name": name, "namespace": namespace}


@pytest.mark.parametrize(
    "policy",
    [
        _policy("RouteOption", _target("HTTPRoute", "r", "shop"), prefixRewrite="/evil", timeout="0.001s"),
        _policy(
            "VirtualHostOption",
            _target("Gateway", "gw", "default"),
            headerManipulation={"requestHeadersToAdd": [{"header": {"key": "x-evil", "value": "1"}}]},
        ),
        _policy("HttpListenerOption", _target("Gateway", "gw", "default"), healthCheck={"path": "/x"}),
        _policy("ListenerOption", _target("Gateway", "gw", "default"), perConnectionBufferLimitBytes=1),
    ],
    ids=lambda policy: policy["kind"],
)
async def test_a_policy_is_for_objects_of_its_own_namespace(shared: World, policy: Doc) -> None:
    shared.write("attempt.yaml", policy)
    await shared.problem(policy["kind"], "targetRefs[0]", "is in another namespace")


async def test_a_policy_of_daemuns_names_nothing_of_another_namespace(shared: World) -> None:
    """It has no way to say so: its targets are of its own namespace, where there are none of these names."""
    targets = ({"kind": "HTTPRoute", "name": "r"}, {"kind": "Gateway", "name": "gw"})
    users = {"secretRef": {"name": "users", "namespace": "shop"}}
    shared.write("attempt.yaml", auth_policy("evil", *targets, namespace="evil", basicAuth=users))
    await shared.problem("AuthPolicy evil/evil", "targetRefs[1]", "does not exist")
    assert any("Secret shop/users is in another namespace" in one for one in shared.problems())


async def test_a_path_that_somebody_has_goes_to_nobody_who_comes_later(shared: World) -> None:
    """Routes of several namespaces may share a host; of equal matches the oldest wins (Gateway API)."""
    attempt = route("evil/r", rule(prefix("/"), to="evil"), parents=["default/gw"], hosts=["shop.test"], created=_NEW)
    shared.write("attempt.yaml", attempt)
    await until(lambda: shared.condition("HTTPRoute", "r", "Accepted")[0] == "True")
    await shared.synced()


async def test_a_listener_set_does_not_take_a_listener_over(shared: World) -> None:
    one = listener_set("evil/set", "default/gw", listener(shared.port, "evil"), created=_NEW)
    steal = route("evil/s", rule(prefix("/"), to="evil"), parents=[reference("set", kind="ListenerSet")], created=_NEW)
    shared.write("attempt.yaml", one, steal)
    await until(lambda: shared.condition("ListenerSet", "set", "Conflicted", "evil")[0] == "True")


async def test_a_route_does_not_attach_to_a_listener_set_that_does_not_want_it(shared: World) -> None:
    """`evil` names the Gateway's class of listeners by another's ListenerSet."""
    own = listener_set("shop/set", "default/gw", listener(shared.port, "own", hostname="own.test"), created=_OLD)
    parent = reference("shop/set", kind="ListenerSet")
    shared.write("attempt.yaml", own, route("evil/s", rule(prefix("/"), to="evil"), parents=[parent], created=_NEW))
    await until(lambda: shared.condition("HTTPRoute", "s", "Accepted")[1] == "NotAllowedByListeners")
    assert (await shared.ask("/", host="own.test")).status == 404


async def test_a_filter_names_policies_of_its_own_namespace(shared: World) -> None:
    """An extensionRef has no namespace to name."""
    named = {"group": _SOLO, "kind": "RouteOption", "name": "shop"}
    extension = {"type": "ExtensionRef", "extensionRef": named}
    of_the_shop = _policy("RouteOption", _target("HTTPRoute", "none", "shop"), timeout="1s")
    of_the_shop["metadata"] = {"name": "shop", "namespace": "shop"}
    attempt = route(
        "evil/r",
        rule(prefix("/"), to="evil", filters=[extension]),
        parents=["default/gw"],
        hosts=["evil.test"],
    )
    shared.write("attempt.yaml", attempt, of_the_shop)
    await shared.problem("HTTPRoute evil/r", "extensionRef")
    assert (await shared.answers(500, "/", host="evil.test")).backend == ""


async def test_a_mirror_of_anothers_requests_needs_a_route_of_ones_own(shared: World) -> None:
    """A RouteOption with a mirror, in the namespace of the mirror, for the route of the shop."""
    target = _target("HTTPRoute", "r", "shop")
    policy = _policy(
        "RouteOption", target, shadowing={"upstream": {"name": "mirror", "namespace": "evil"}, "percentage": 100}
    )
    port = shared.backends["evil/evil"].port
    before = len(shared.backends["evil/evil"].requests)
    shared.write(
        "attempt.yaml", policy, upstream("evil/mirror", static={"hosts": [{"addr": "127.0.0.1", "port": port}]})
    )
    await shared.problem("RouteOption", "targetRefs[0]")
    assert (await shared.ask("/x", host="shop.test")).backend == "shop"
    assert len(shared.backends["evil/evil"].requests) == before
