"""Images from Containerfiles: the few instructions that ours needs, so that the test cluster runs what is published."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from . import layers
from .layers import Layer
from .oci import Image

_CONTINUED = re.compile(r"\\\n\s*")
_VARIABLE = re.compile(r"\$\{(\w+)\}")
_PATH = "/usr/local/bin:/usr/bin:/bin"


class Step(NamedTuple):
    """Something that makes a layer: a shell command, or files of the context and where they go."""

    command: str = ""
    sources: tuple[str, ...] = ()
    target: str = ""


class Recipe(NamedTuple):
    """What a Containerfile says."""

    base: str
    steps: tuple[Step, ...]
    environment: Mapping[str, str]
    user: str
    entrypoint: tuple[str, ...]


def read(path: Path) -> Recipe:
    """Parse ARG, FROM, COPY, RUN, ENV, USER and ENTRYPOINT; anything else is an error."""
    arguments: dict[str, str] = {}
    environment: dict[str, str] = {}
    steps: list[Step] = []
    base = user = ""
    entrypoint: tuple[str, ...] = ()
    lines = (line for line in path.read_text().splitlines(keepends=True) if not line.lstrip().startswith("#"))
    for line in filter(None, map(str.strip, _CONTINUED.sub("", "".join(lines)).splitlines())):
        word, _, rest = line.partition(" ")
        match word:
            case "ARG":
                name, _, default = rest.partition("=")
                arguments[name] = default
            case "FROM":
                base = _VARIABLE.sub(lambda found: arguments[found[1]], rest)
            case "COPY":
                *sources, target = shlex.split(rest)
                steps.append(Step(sources=tuple(sources), target=target))
            case "RUN":
                steps.append(Step(command=rest))
            case "ENV":
                environment.update(pair.split("=", 1) for pair in shlex.split(rest))
            case "USER":
                user = rest
            case "ENTRYPOINT":
                entrypoint = tuple(json.loads(rest))
            case _:
                raise ValueError(f"{path}: {word} is not understood here")
    return Recipe(base, tuple(steps), environment, user, entrypoint)


def build(recipe_path: Path, context: Path, base: Image, held: Path, settings: Mapping[str, str]) -> Image:
    """Do what a Containerfile says, over another base. RUN sees the folder `held` at /mnt, and the settings."""
    recipe = read(recipe_path)
    done = list(base.layers)
    for step in recipe.steps:
        done.append(_layer(step, done, context, held, settings))
    environment = {"PATH": _PATH, **base.environment, **recipe.environment}
    return Image(tuple(done), environment, recipe.user or base.user, recipe.entrypoint or base.entrypoint)


def _layer(step: Step, below: Sequence[Layer], context: Path, held: Path, settings: Mapping[str, str]) -> Layer:
    if step.command:
        name = layers.key(below[-1].key, step.command)
        return layers.cached(name, lambda tree: layers.run(below, step.command, held, tree, settings))
    files = [file for source in step.sources for file in sorted(context.glob(source))]
    if not files:
        raise FileNotFoundError(f"COPY {' '.join(step.sources)}: nothing of that name in {context}")
    name = layers.key(below[-1].key, step.target, *(part for file in files for part in (file.name, file.read_bytes())))
    target = shlex.quote(step.target)
    folder = f"mkdir -p {target} && " if step.target.endswith("/") else ""
    sources = shlex.join(f"/mnt/{file.relative_to(context)}" for file in files)
    return layers.cached(name, lambda tree: layers.run(below, f"{folder}cp {sources} {target}", context, tree))
