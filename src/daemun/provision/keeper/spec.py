"""What Daemun tells its keeper about one Envoy, and the version of the language they speak.

Both speak JSON lines over a Unix socket: requests `{"id", "do", ...}`, answers `{"id", "ok"}` or `{"id", "error"}`,
events `{"event", "name", ...}`.
"""

from dataclasses import dataclass

PROTOCOL = 2
"""A Daemun that finds a keeper of another version ends it and starts its own. `hello` and `shutdown` never change."""


@dataclass(frozen=True)
class Spec:
    """One Envoy. `argv` holds no hot restart options: those are the keeper's. Equal `digest` means equal process.

    A `plain` one is another program: it knows no hot restart and drains by itself when it is told to end. It serves as
    soon as something listens at `admin`.
    """

    name: str
    argv: list[str]
    directory: str
    admin: str
    digest: str
    log_bytes: int = 10 << 20
    plain: bool = False
