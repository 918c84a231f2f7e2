"""Daemun in the cluster, as a user puts it there: its image, Gateway API's CRDs, its chart."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from . import crds, daemun_image
from .client import Client
from .oci import Image
from .processes import ClusterError

NAMESPACE = "daemun-system"
_CHART = Path(__file__).parents[2] / "deploy" / "chart"


def install(image: Image, client: Client, environment: Mapping[str, str], *settings: str) -> None:
    """Put it there, or what has changed of it. Runs inside; the image was built outside, where there is a network.
    `settings` are values of the chart, as `NAME=VALUE`."""
    daemun_image.load(image)
    crds.install(client)
    # The image has the same name whatever is in it: a new annotation makes new pods of it.
    _upgrade(environment, "--set", ",".join([f"podAnnotations.image={image.layers[-1].key}", *settings]))


def change(environment: Mapping[str, str], *settings: str) -> None:
    """Other values of the chart, `NAME=VALUE`, for what is there already."""
    _upgrade(environment, "--reuse-values", "--set", ",".join(settings))


def _upgrade(environment: Mapping[str, str], *more: str) -> None:
    command = ["helm", "upgrade", "--install", "daemun", str(_CHART), "--namespace", NAMESPACE, "--create-namespace"]
    done = subprocess.run([*command, "--wait", "--timeout", "120s", *more], env=dict(environment), check=False)
    if done.returncode != 0:
        raise ClusterError(f"Daemun does not get ready: `kubectl -n {NAMESPACE} describe pods` and `logs` say why")
