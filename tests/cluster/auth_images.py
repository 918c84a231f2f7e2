"""Images of what the authorization server takes from others: Open Policy Agent, and the plug-in of the docs."""

import tempfile
from pathlib import Path

from support.checks.pages import blocks

from . import daemun_image, node, stock
from .containerfile import build
from .oci import Image

OPA = "daemun.test/opa:1"
WITH_PLUGIN = "daemun.test/daemun-office:1"
_FILES = {"toml": "pyproject.toml", "python": "office.py", "dockerfile": "Containerfile"}


def load_opa() -> None:
    """An image with /opa and cp, as the -debug ones of Open Policy Agent; it is built for the C library of Debian."""
    below = daemun_image.debian()
    node.load(below._replace(layers=(*below.layers, *stock.of_program("opa").layers), entrypoint=("/opa",)), OPA)


def load_plugin(daemun: Image) -> None:
    """The image that the page of plug-ins has made, of its package."""
    with tempfile.TemporaryDirectory(prefix="daemun-office-") as scratch:
        context = Path(scratch)
        for language, name in _FILES.items():
            (block,) = blocks("auth/plugins.md", language)
            (context / name).write_text(block)
        daemun_image.wheel(context, context / "dist")
        made = build(context / "Containerfile", context, daemun, context, {"PIP_NO_INDEX": "1"})
    node.load(made, WITH_PLUGIN)
