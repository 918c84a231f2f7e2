"""kubectl, helm, daemun and glooctl, as a person types them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

CHART = Path(__file__).parents[2] / "deploy" / "chart"
LAB = CHART.with_name("lab")
ECHO = Path(__file__).with_name("echo.yaml")
"""A backend, `backend`, for any namespace."""


class CommandError(Exception):
    """A command ended with an error. `output` is what it had to say apart from that."""

    def __init__(self, command: str, output: str, error: str) -> None:
        super().__init__(f"{command}: {error or output}")
        self.output = output


def kubectl(*arguments: str, stdin: str = "") -> str:
    """What kubectl answers; `stdin` is what `-f -` reads."""
    return _run("kubectl", *arguments, stdin=stdin)


def await_creation(namespace: str, *names: str) -> None:
    """Wait until each of these (`kind/name`) is there.

    One command for each: `kubectl wait --for=create` waits for one that is missing, but gives up at once on two.
    """
    for name in names:
        kubectl("-n", namespace, "wait", "--for=create", name, "--timeout=60s")


def apply(namespace: str, *documents: dict[str, Any]) -> None:
    """Give a namespace these objects, whatever namespace they say."""
    items = [one | {"metadata": one["metadata"] | {"namespace": namespace}} for one in documents]
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def address_of(namespace: str, service: str) -> str:
    """Where the load balancer of a Service answers, once it has an address."""
    form = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    kubectl("-n", namespace, "wait", f"--for={form}", f"service/{service}", "--timeout=60s")
    return kubectl("-n", namespace, "get", "service", service, "-o", form)


def helm(*arguments: str) -> str:
    """What helm answers."""
    return _run("helm", *arguments)


def daemun(*arguments: str) -> str:
    """What this version of daemun answers."""
    return _run(sys.executable, "-m", "daemun", *arguments)


def glooctl(*arguments: str) -> str:
    """What this version of glooctl answers."""
    return _run(sys.executable, "-m", "daemun.cli.glooctl", *arguments)


def _run(*command: str, stdin: str = "") -> str:
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=240)
    if done.returncode != 0:
        raise CommandError(" ".join(command), done.stdout, done.stderr)
    return done.stdout
