"""One Gateway, one route, one Service, and a mistake beside them: what is told of it, and what becomes of a request."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from daemun.cli.loading import look
from daemun.explain import explain, request_from
from daemun.report.journal import ProblemLine

_GATEWAY = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gate}
spec:
  gatewayClassName: daemun
  listeners: [{name: http, port: 80, protocol: HTTP}]
"""
_REST = """
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: r}
spec:
  parentRefs: [{name: gate}]
  rules: [{name: all, backendRefs: [{name: a, port: 80}]}]
---
apiVersion: v1
kind: Service
metadata: {name: a}
spec: {ports: [{port: 80}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-1, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
ports: [{port: 9443}]
endpoints: [{addresses: [127.0.0.1]}]
"""
CLOSED, REFUSED, OPEN = "answered 500", "refused 0", "forwarded 0"


class Mistake(NamedTuple):
    """What is written, and what has to be told: of which object and field, with which words, which mend it too."""

    written: str
    object: str
    field: str
    words: str
    outcome: str = CLOSED


def told(folder: Path, written: str) -> tuple[list[ProblemLine], str]:
    """The problems, and the outcome of a request. A Gateway that is written takes the place of the usual one."""
    own = "kind: Gateway\n" in written
    (folder / "scene.yaml").write_text(_REST if own else f"{_GATEWAY}---{_REST}")
    (folder / "mistake.yaml").write_text(written)
    loaded = look([folder], None)
    assert not loaded.translation.graph.failures
    scheme = "https" if "protocol: HTTPS" in written else "http"
    outcome = explain(loaded.translation, request_from("GET", f"{scheme}://a.example/", []), None).outcome
    return loaded.problems, f"{outcome.kind} {outcome.status}"


def check(folder: Path, mistake: Mistake) -> None:
    """It is told once, where it was made, and in these words; its route is closed."""
    problems, outcome = told(folder, mistake.written)
    here = [one for one in problems if (one.object, one.field) == (mistake.object, mistake.field)]
    here = [one for one in here if mistake.words in f"{one.text}. {one.mend}"]
    assert len(here) == 1, problems
    assert here[0].file.endswith("mistake.yaml"), here[0]
    assert here[0].line > 0
    assert outcome == mistake.outcome


def manifest(api: str, kind: str, name: str, spec: str) -> str:
    """A document of YAML."""
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{textwrap.indent(spec, '  ')}\n---\n"


def option(options: str, kind: str = "RouteOption", target: str = "HTTPRoute, name: r") -> str:
    """Options for the route, or whatever else."""
    spec = f"targetRefs: [{{group: gateway.networking.k8s.io, kind: {target}}}]\noptions: {{{options}}}"
    return manifest("gateway.solo.io/v1", kind, "o", spec)


def config(step: str, **spec: str) -> str:
    """An AuthConfig, and the route asks for it."""
    rest = "".join(f"\n{name}: {value}" for name, value in spec.items())
    asks = option("extauth: {configRef: {name: who}}")
    return asks + manifest("enterprise.gloo.solo.io/v1", "AuthConfig", "who", f"configs: [{{{step}}}]{rest}")


def policy(spec: str, name: str = "p", target: str = "kind: HTTPRoute, name: r") -> str:
    """An AuthPolicy."""
    return manifest("daemun.dev/v1alpha1", "AuthPolicy", name, f"targetRefs: [{{{target}}}]\n{spec}")


def tokens(provider: str) -> str:
    """A host that asks for tokens of one provider."""
    return option(f"jwt: {{providers: {{idp: {{{provider}}}}}}}", "VirtualHostOption", "Gateway, name: gate")


def secret(name: str, kind: str, data: Mapping[str, str | bytes]) -> str:
    """A Secret."""
    plain = {key: value.decode() if isinstance(value, bytes) else value for key, value in data.items()}
    head = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\ntype: {kind}\n"
    return f"{head}stringData: {json.dumps(plain)}\n---\n"
