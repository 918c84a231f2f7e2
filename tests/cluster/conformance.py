"""The Gateway API conformance suite against what runs in the cluster, and its official report."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import crds, tools
from .balancer import ON_REQUEST
from .client import Client
from .processes import ClusterError, until

_ROOT = Path(__file__).parents[2]
_LOGS = _ROOT / "build" / "conformance"
_PROFILES = "GATEWAY-HTTP,GATEWAY-GRPC,GATEWAY-TLS,GATEWAY-TCP,GATEWAY-UDP"
MESH = "mesh"
"""How an installation with mesh.enabled=true is called in its report."""
_MESH_PROFILES = "MESH-HTTP,MESH-GRPC"
_OF_MESHES = (
    "Mesh,HTTPRoute,GRPCRoute,ReferenceGrant,MeshClusterIPMatching,MeshConsumerRoute,MeshHTTPRouteRewritePath,"
    "MeshHTTPRouteSchemeRedirect,MeshHTTPRouteRedirectPort,MeshHTTPRouteRedirectPath,MeshHTTPRouteQueryParamMatching,"
    "MeshHTTPRouteBackendRequestHeaderModification,MeshHTTPRouteNamedRouteRule,HTTPRouteResponseHeaderModification,"
    "HTTPRouteParentRefPort,HTTPRoute303RedirectStatusCode,HTTPRoute307RedirectStatusCode,"
    "HTTPRoute308RedirectStatusCode"
)
"""All features of meshes, and those of routes that tests of meshes ask for besides."""
_UNUSABLE = "192.0.2.1"  # TEST-NET-1: in nobody's pool
_SITE = "https://daemun.dev"
_BEGUN = re.compile(r"^=== RUN +TestConformance/(\w+)$")
_ENDED = re.compile(r"^    --- (PASS|FAIL|SKIP): TestConformance/(\w+) \(([\d.]+)s\)$")


@dataclass
class Results:
    """How the tests of one run ended, by name, and whether the run itself did."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    code: int = 0

    def read(self, line: str) -> None:
        """Note what a line of the log says."""
        ended = _ENDED.match(line)
        if ended:
            {"PASS": self.passed, "FAIL": self.failed, "SKIP": self.skipped}[ended[1]].append(ended[2])


class Suite:
    """The compiled suite. Runs inside the cluster: `environment` holds its KUBECONFIG."""

    def __init__(self, environment: Mapping[str, str], flags: Sequence[str]) -> None:
        self._environment = dict(environment)
        self._flags = list(flags)

    def prepare(self, client: Client) -> None:
        """The CRDs of the suite's release, and none of what a run that was killed has left."""
        crds.install(client)
        left = [f"/api/v1/namespaces/{one}" for one in _namespaces(client)]
        for path in left:
            client.delete(path)
        if not until(lambda: not _namespaces(client), 300):
            raise ClusterError(f"{', '.join(_namespaces(client))} do not go away; they are of an earlier run")

    def run(self, *more: str, name: str = "suite") -> Results:
        """One run, with a line on the screen for each test and everything in the log."""
        _LOGS.mkdir(parents=True, exist_ok=True)
        results = Results()
        command = [str(tools.path("conformance.test")), "-test.v", "-test.run", "TestConformance", *self._flags, *more]
        with (
            self.log(name).open("w") as log,
            subprocess.Popen(
                command,
                cwd=_LOGS,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as running,
        ):
            assert running.stdout is not None
            try:
                for line in running.stdout:
                    log.write(line)
                    log.flush()
                    begun = _BEGUN.match(line)
                    if begun:
                        print(f"  {begun[1]}", flush=True)
                    results.read(line.rstrip("\n"))
            except KeyboardInterrupt:
                running.kill()  # it would go on without us
                raise
        results.code = running.returncode
        return results

    def log(self, name: str) -> Path:
        """What a run said."""
        return _LOGS / f"{name}.log"


def flags(gateway_class: str, more: Sequence[str] = ()) -> list[str]:
    """Everything that a Gateway can do. Meshes have a run of their own."""
    values = {
        "gateway-class": gateway_class,
        "conformance-profiles": _PROFILES,
        "all-features": "true",
        "exempt-features": "Mesh",
        "usable-address": ON_REQUEST[0],
        "unusable-address": _UNUSABLE,
    }
    return [*_written(values), *more]


def mesh_flags(more: Sequence[str] = ()) -> list[str]:
    """Everything that a mesh can do: its namespaces have the label that puts them into it."""
    values = {
        "conformance-profiles": _MESH_PROFILES,
        "supported-features": _OF_MESHES,
        "mode": MESH,
        "namespace-labels": "daemun.dev/mesh=enabled",
    }
    return [*_written(values), *more]


def _written(values: Mapping[str, str]) -> list[str]:
    """Flags, with those that say who we are."""
    ours = {
        "organization": "daemun",
        "project": "daemun",
        "url": _SITE,
        "contact": _SITE,
        "version": _version(),
    }
    return [f"-{name}={value}" for name, value in {**values, **ours}.items()]


def report(mode: str = "default") -> Path:
    """Where the report belongs, with the name that the project's collection of reports gives it."""
    return _ROOT / "docs" / "conformance" / f"experimental-{_version()}-{mode}-report.yaml"


def run(suite: Suite, only: str | None, target: Path) -> int:
    """The whole suite, or one test; 0 if all passed, be it on a second try. Only a clean first run makes the report."""
    if only is not None:
        code = suite.run(f"-run-test={only}", name=only).code
        print(f"{only} {'failed' if code else 'passed'}: {suite.log(only)}")
        return code
    draft = target.with_name(f".{target.name}.draft")
    target.parent.mkdir(parents=True, exist_ok=True)
    results = suite.run(f"-report-output={draft}")
    print(f"{len(results.passed)} passed, {len(results.failed)} failed, {len(results.skipped)} skipped or not claimed")
    if results.code == 0:
        draft.chmod(0o644)
        shutil.move(draft, target)
        print(f"report: {target}")
        return 0
    if draft.exists():
        print(f"no report for what is not clean:\n{draft.read_text()}")
        draft.unlink()
    return _again(suite, results)


def _again(suite: Suite, first: Results) -> int:
    if not first.failed:
        print(f"the suite did not get through: {suite.log('suite')} says why", file=sys.stderr)
        return 1
    broken = [name for name in first.failed if suite.run(f"-run-test={name}", name=name).code != 0]
    for name in first.failed:
        how = "FAILED, twice" if name in broken else "NEEDED A SECOND TRY, which is a defect to be found"
        print(f"{name}: {how}; {suite.log(name)}")
    return 1 if broken else 0


def _version() -> str:
    return f"v{tomllib.loads((_ROOT / 'pyproject.toml').read_text())['project']['version']}"


def _namespaces(client: Client) -> list[str]:
    names = [one["metadata"]["name"] for one in client.get("/api/v1/namespaces")["items"]]
    return [name for name in names if name.startswith("gateway-conformance-")]
