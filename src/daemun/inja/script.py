"""The script that runs in Envoy: always the same text, whatever templates there are.

Its files are read as data of the package, once, and joined: Envoy's Lua has no modules.
"""

from importlib.resources import files


def _joined(*parts: str) -> str:
    runtime = files("daemun.inja").joinpath("runtime")
    return "\n".join(runtime.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in parts)


LIBRARY = _joined("values", "json", "regex", "functions", "templates", "matching", "transformation")
"""Lua for other fixed scripts: JSON as values, and transformations of one message. Envoy calls nothing of it."""

SCRIPT = f"{LIBRARY}\n{_joined('stage')}"
"""Lua, with `envoy_on_request` and `envoy_on_response`. It reads `program` of the filter's context."""

REQUESTS = f"{SCRIPT}\nenvoy_on_response = nil\n"
"""The same for routes that leave responses alone: then Envoy need not ask Lua about them, which costs too."""
