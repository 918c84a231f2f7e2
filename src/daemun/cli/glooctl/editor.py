"""A part of an object in the person's editor."""

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from daemun.cli.output import dump_yaml, fail

_FALLBACK = "vi"


def edited(part: Any, about: str) -> Any:
    """The part as the person leaves it, in YAML. Without a terminal it is read from stdin; an editor that ends with an
    error, or YAML that cannot be read, ends the program and changes nothing.
    """
    import yaml

    if not sys.stdin.isatty():
        text = sys.stdin.read()
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "edit.yaml"
            file.write_text(f"# {about}\n{dump_yaml([part]) if part else ''}")
            program = shlex.split(os.environ.get("EDITOR") or os.environ.get("VISUAL") or _FALLBACK)
            try:
                done = subprocess.run([*program, str(file)], check=False)  # noqa: S603 - their own editor
            except OSError as error:
                fail(f"{program[0]} cannot be started: {error.strerror}", "Set EDITOR to the editor you use.", code=1)
            if done.returncode != 0:
                fail(f"{program[0]} ended with {done.returncode}", "Nothing has been changed.", code=1)
            text = file.read_text()
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        fail(f"that is not YAML: {' '.join(str(error).split())}", "Nothing has been changed.", code=1)
    if not isinstance(found, dict | list | None):
        fail("that is neither a list nor a mapping", "Nothing has been changed.", code=1)
    return found
