"""The script that runs in Envoy: always the same text, whatever templates there are.

Its files are read as data of the package, once, and joined: Envoy's Lua has no modules.
"""

from importlib.resources import files

_PARTS = ("values", "json", "regex", "functions", "templates", "matching", "transformation", "stage")
SCRIPT = "\n".join(
    files("daemun.inja").joinpath("runtime", f"{part}.lua").read_text(encoding="utf-8") for part in _PARTS
)
"""Lua, with `envoy_on_request` and `envoy_on_response`. It reads `program` of the filter's context."""

REQUESTS = f"{SCRIPT}\nenvoy_on_response = nil\n"
"""The same for routes that leave responses alone: then Envoy need not ask Lua about them, which costs too."""
