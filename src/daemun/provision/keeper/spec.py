"""What Daemun tells its keeper about one Envoy, and the version of the language they speak.

Both speak JSON lines over a Unix socket: requests `{"id", "do", ...}`, answers `{"id", "ok"}` or `{"id", "error"}`,
events `{"event", "name", ...}`.
"""

from dataclasses import dataclass

PROTOCOL = 1
"""A Daemun that finds a keeper of another version ends it and starts its own. `hello` and `shutdown` never change."""


@dataclass(frozen=True)
class Spec:
    """One Envoy. `argv` holds no hot restart options: those are the keeper's. Equal `digest` means equal process."""

    name: str
    argv: list[str]
    directory: str
    admin: str
    digest: str
    log_bytes: int = 10 << 20
