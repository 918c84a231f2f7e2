"""Chains: who gets them, and what a change of a Secret costs."""

from daemun.base.names import CORE, Ref
from daemun.flow import MISSING
from daemun.ir.auth import CHAIN, SERVER, decoded
from daemun.ir.resource import encode
from support.objects.cases import objects, translation

WORLD = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate, namespace: default}
spec: {gatewayClassName: daemun, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r, namespace: default}
spec: {parentRefs: [{name: gate}], rules: [{}]}
---
apiVersion: gateway.solo.io/v1
kind: RouteOption
metadata: {name: o, namespace: default}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]
  options: {extauth: {configRef: {name: one}}}
"""
CONFIG = """
apiVersion: enterprise.gloo.solo.io/v1
kind: AuthConfig
metadata: {name: %s, namespace: default}
spec: {configs: [{apiKeyAuth: {headersFromMetadata: {x-a: {name: a}}, apiKeySecretRefs: [{name: %s}]}}]}
---
apiVersion: v1
kind: Secret
metadata: {name: %s, namespace: default, labels: {a: b}}
type: extauth.solo.io/apikey
stringData: {api-key: "%s"}
"""


def config(name: str, key: str) -> str:
    return CONFIG % (name, f"{name}-key", f"{name}-key", key)


def test_only_the_server_gets_chains_and_only_those_in_use() -> None:
    made = translation(
        {**objects(WORLD), **objects(config("one", "key-of-ann")), **objects(config("unused", "key-of-ann"))}
    )
    assert [(key.proxy, key.type_url, key.resource) for key in made.auth.chains] == [(SERVER, CHAIN, "default/one")]
    assert not [key for key in made.resources if key.type_url == CHAIN or key.proxy == SERVER]
    assert all(b"key-of-ann" not in encode(part) for part in (*made.resources.values(), *made.auth.chains.values()))
    (chain,) = made.auth.chains.values()
    assert decoded(encode(chain)).steps[0].name == "config_0"


def test_a_line_end_behind_a_key_is_told_without_the_key() -> None:
    made = translation({**objects(WORLD), **objects(config("one", "key-of-ann\\n"))})
    [told] = made.problems[Ref("enterprise.gloo.solo.io", "AuthConfig", "default", "one")]
    assert (told.warning, told.where) == (True, "spec.configs[0].apiKeyAuth.apiKeySecretRefs[0]")
    assert "Secret default/one-key has a line end behind its api-key" in told.text
    assert "key-of-ann" not in f"{told.text}{told.mend}"
    assert not translation({**objects(WORLD), **objects(config("one", "key-of-ann"))}).problems


def test_a_change_of_a_secret_is_one_chain_and_nothing_at_the_proxies() -> None:
    made = translation({**objects(WORLD), **objects(config("one", "key-of-ann"))})
    changed: list[object] = []
    made.resources.subscribe(changed.extend)
    made.auth.chains.subscribe(lambda delta: changed.extend(key.resource for key in delta))
    changed.clear()
    made.apply(objects(config("one", "second")).items())
    assert changed == ["default/one"]
    changed.clear()
    made.apply([(Ref(CORE, "Secret", "default", "other"), None), *objects(config("one", "second")).items()])
    assert changed == []


def test_a_secret_that_is_known_by_its_labels_alone_is_read() -> None:
    """In a cluster the content of a Secret is fetched when a rule reads it."""
    by_label = config("one", "key-of-ann").replace("apiKeySecretRefs: [{name: one-key}]", "labelSelector: {a: b}")
    items = {**objects(WORLD), **objects(by_label)}
    (ref,) = [one for one in items if one.kind == "Secret"]
    secret = items.pop(ref)
    made = translation(items)
    assert not made.auth.chains
    made.auth.labelled.update({ref.key: {"a": "b"}})
    assert any(ref.key in bag for bag in made.sources[CORE, "Secret"].readers.values())
    made.apply([(ref, secret)])
    assert len(made.auth.chains) == 1
    made.auth.labelled.update({ref.key: MISSING})
    made.apply([(ref, None)])
    assert not made.auth.chains
