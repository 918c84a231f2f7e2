"""`python -m tests.cluster COMMAND`: a real Kubernetes on this machine. See docs/cluster.md."""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import conformance, crds, daemun_image, machine, node, place, stock, tools
from .api import ApiServer
from .cluster import PROGRAMS, Cluster
from .fresh import fresh, interruptible
from .install import change, install
from .processes import ClusterError

_INTERRUPTED = 128 + signal.SIGINT
_CI = os.environ.get("CI") == "true"
_USE = """
The cluster {name} is up. Programs that talk to it run inside its network:
  {this} kubectl get pods -A        {this} helm list -A
  {this} exec -- COMMAND            {this} load-image FILE.tar
`{this} down` ends it and leaves nothing."""


def main(arguments: list[str]) -> int:
    """Run a command; what fails says why in one message."""
    chosen = _parser().parse_args(arguments)
    interruptible()
    try:
        run: Callable[[argparse.Namespace], int] = chosen.run
        return run(chosen)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED


def _build(chosen: argparse.Namespace) -> int:
    sets = {
        "api": tools.API,
        "tests": (*tools.API, *tools.SERVICES),
        "cluster": PROGRAMS,
        "peers": (*PROGRAMS, *tools.PEERS),
        "istiod": (*tools.API, *tools.ISTIO),
    }
    sets["all"] = tuple(name for name in tools.PROGRAMS if name not in (*tools.PEERS, *tools.ISTIO))
    machine.services(install=_CI)
    if _CI and chosen.what in {"all", "cluster"}:
        machine.check(install=True)
    tools.build(*sets[chosen.what])
    return 0


def _up(chosen: argparse.Namespace) -> int:
    machine.check(install=chosen.install)
    tools.build(*PROGRAMS)
    Cluster(chosen.name).up()
    this = f"python -m tests.cluster --name {chosen.name}"
    print(_USE.format(name=chosen.name, this=this))
    return 0


def _api(chosen: argparse.Namespace) -> int:
    """An API server alone, for trying things out; tests have a fixture."""
    tools.build(*tools.API)
    server = ApiServer(Path(tempfile.gettempdir()) / f"daemun-api-{os.getuid()}-{chosen.name}")
    server.down()
    if not chosen.stop:
        server.up()
        crds.install(server.client)
        print(f"export KUBECONFIG={server.kubeconfig}")
    return 0


def _down(chosen: argparse.Namespace) -> int:
    for name in place.names() if chosen.all else [chosen.name]:
        Cluster(name).down()
    return 0


def _status(chosen: argparse.Namespace) -> int:
    cluster = Cluster(chosen.name)
    running = {name: cluster.processes.pid(name) for name in cluster.processes.names()}
    for name, pid in running.items():
        print(f"{name:25} {f'pid {pid}' if pid else 'dead'}  {cluster.processes.log(name)}")
    return 0 if running and all(running.values()) else 1


def _exec(chosen: argparse.Namespace) -> int:
    command = [*chosen.program, *chosen.arguments]
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        raise ClusterError("which program? exec -- PROGRAM ARGUMENTS")
    environment = Cluster(chosen.name).enter()
    try:
        os.execvpe(command[0], command, environment)  # noqa: S606 - the user's own command
    except OSError as error:
        raise ClusterError(f"{command[0]}: {error.strerror}") from None


def _test(chosen: argparse.Namespace) -> int:
    """The tests that need a whole cluster: one that starts and ends it, and those inside. The rest is `make test`."""
    os.environ.update(DAEMUN_CLUSTER="required", DAEMUN_CLUSTER_LEFTOVERS="look")
    machine.check(install=_CI)
    machine.services(install=_CI)
    tools.build("vault", "opa")
    daemun_image.build()  # inside there is no network
    pytest = [sys.executable, "-m", "pytest", *(chosen.arguments or ["tests/cluster"])]
    outside = 0 if chosen.arguments else subprocess.run([*pytest, "-k", "down_leaves_nothing"], check=False).returncode
    return _fresh(f"{chosen.name}_test", ["exec", "--", *pytest]) or outside


def _conformance(chosen: argparse.Namespace) -> int:
    tools.build("conformance.test", *(tools.MESH if chosen.mesh or chosen.fresh else ()))
    if chosen.fresh:
        again = ["conformance", f"--gateway-class={chosen.gateway_class}", f"--report={chosen.report}"]
        only = [f"--run-test={chosen.run_test}"] if chosen.run_test else []
        rest = [*only, "--", *chosen.arguments]
        meshes = ["conformance", "--mesh", f"--report={conformance.report(conformance.MESH)}"]
        both = [again] if chosen.run_test else [again, meshes]
        runs = [meshes] if chosen.mesh else both
        return _fresh(f"{chosen.name}_conformance", ["install"], *([*one, *rest] for one in runs))
    cluster = Cluster(chosen.name)
    environment = cluster.enter()
    if chosen.mesh:
        stock.load_mesh()
        change(environment, "mesh.enabled=true")
        suite = conformance.Suite(environment, conformance.mesh_flags(chosen.arguments))
        suite.prepare(cluster.client())
        return conformance.run(suite, chosen.run_test, chosen.report.absolute())
    suite = conformance.Suite(environment, conformance.flags(chosen.gateway_class, chosen.arguments))
    suite.prepare(cluster.client())
    return conformance.run(suite, chosen.run_test, chosen.report.absolute())


def _fresh(name: str, *commands: list[str]) -> int:
    """Run commands of this program, as long as they succeed, in a cluster that is there only for them."""
    return fresh([sys.executable, "-m", "tests.cluster", "--name", f"{name}_{os.getpid()}"], *commands)


def _install(chosen: argparse.Namespace) -> int:
    image = daemun_image.build()
    cluster = Cluster(chosen.name)
    environment = cluster.enter()
    install(image, cluster.client(), environment)
    return 0


def _crds(chosen: argparse.Namespace) -> int:
    cluster = Cluster(chosen.name)
    cluster.enter()
    print("\n".join(crds.install(cluster.client(), chosen.release, chosen.channel)))
    return 0


def _load_image(chosen: argparse.Namespace) -> int:
    Cluster(chosen.name).enter()
    for tar in chosen.files:
        node.load_image(tar)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__, allow_abbrev=False)
    parser.add_argument("--name", default=os.environ.get("DAEMUN_CLUSTER_NAME", "daemun"), help="which cluster")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        made = commands.add_parser(name, help=text)
        made.set_defaults(run=run)
        return made

    def wrapper(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        """A command whose options, whatever they are, are another program's: here nothing begins an option."""
        made = commands.add_parser(name, help=text, add_help=False, prefix_chars="\0")
        made.set_defaults(run=run)
        made.add_argument("arguments", nargs=argparse.REMAINDER)
        return made

    what = command("build", _build, "build the programs, once, into the user's cache")
    what.add_argument("what", nargs="?", choices=("api", "tests", "cluster", "peers", "istiod", "all"), default="all")
    up = command("up", _up, "start a cluster")
    up.add_argument("--install", action="store_true", default=_CI, help="install what Debian has")
    api = command("api", _api, "an API server alone, on loopback, without nodes")
    api.add_argument("--stop", action="store_true", help="end it")
    down = command("down", _down, "end it and leave nothing")
    down.add_argument("--all", action="store_true", help="every cluster of this machine, also what killed tests left")
    command("status", _status, "its processes and their logs")
    for name in ("kubectl", "helm"):
        wrapper(name, _exec, f"{name} for the cluster").set_defaults(program=[name])
    wrapper("exec", _exec, "run a program inside the cluster's network").set_defaults(program=[])
    wrapper("test", _test, "run the tests that need a whole cluster, in one of their own; takes pytest's arguments")
    command("install", _install, "put Daemun into the cluster, as this checkout has it, or renew it")
    suite = command("conformance", _conformance, "run the Gateway API conformance suite against what is installed")
    suite.add_argument(
        "--fresh", action="store_true", help="in a cluster of its own, with Daemun as this checkout has it"
    )
    suite.add_argument("--gateway-class", default="daemun")
    suite.add_argument("--mesh", action="store_true", help="only what is about meshes")
    suite.add_argument("--run-test", help="the name of a single test")
    suite.add_argument("--report", type=Path, default=conformance.report(), help="where the report goes")
    suite.add_argument("arguments", nargs="*", help="after --: flags of the suite itself, such as -skip-tests=A,B")
    kinds = command("crds", _crds, "install Gateway API's CustomResourceDefinitions")
    kinds.add_argument("--release", default=crds.pinned(), help="default %(default)s, that of the conformance suite")
    kinds.add_argument("--channel", choices=("standard", "experimental"), default="experimental")
    load = command("load-image", _load_image, "give archives of images to the node")
    load.add_argument("files", nargs="+", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
