"""`daemun explain --live`: what really happened to a request, beside what should have."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from daemun.cli.options import TextOrData

if TYPE_CHECKING:
    from daemun.cli.loading import Loaded
    from daemun.explain import Explanation
    from daemun.trial.traced import Aspect, Trace


def really(
    loaded: "Loaded",
    paths: list[Path],
    context: str | None,
    expected: "Explanation",
    *,
    to: str | None,
    pod: str | None,
    output: TextOrData,
) -> None:
    """Send the request, and print what was done with it. Ends with 1 if that is not what should have been done."""
    from daemun.cli.doors import door
    from daemun.cli.output import dump_json, dump_yaml, fail, plain
    from daemun.cli.traced import follow
    from daemun.trial.traced import aspects

    if expected.entry is None:
        fail(f"no proxy takes this request: {expected.outcome.why}", code=1)
    if paths and context is not None:
        fail("--live is for what is served", "Leave out the files or --kube-context.")
    gateway = expected.entry.gateway
    proxy = door(paths, context, gateway, loaded.translation.placements.get(gateway), pod)
    found = follow(proxy, expected.request, *_target(to, expected, clustered=context is not None))
    compared = aspects(expected, found)
    if output is TextOrData.text:
        _print(expected, found, compared)
    else:
        document = {"happened": plain(found), "compared": plain(compared), "expected": plain(expected.outcome)}
        typer.echo(dump_json(document) if output is TextOrData.json else dump_yaml([document]).rstrip("\n"))
    if any(one.verdict == "differs" for one in compared):
        raise typer.Exit(1)


def _target(to: str | None, expected: "Explanation", *, clustered: bool) -> tuple[str, int]:
    from daemun.cli.output import fail

    entry = expected.entry
    if to is not None:
        address, _, port = to.rpartition(":")
        if not address or not port.isdigit():
            fail(f"{to} is not an address with a port", "For example: --to 127.0.0.1:8080")
        return address.strip("[]"), int(port)
    if entry is None or not entry.addresses:
        fail("the Gateway has no address", "Say with --to where it is reached.", code=1)
    first = entry.addresses[0]
    # A Service has the ports that the API says; on a machine it is the one that is bound.
    number = entry.api_port if clustered else entry.port
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(first, first), number  # noqa: S104 - not bound, but replaced


def _print(expected: "Explanation", found: "Trace", compared: list["Aspect"]) -> None:
    from rich.text import Text

    from daemun.cli.output import console

    to = console()

    def step(title: str, what: str, told: str, style: str = "") -> None:
        between = "  " if what and told else ""
        to.print(Text(f"{title:<13}", "bold"), Text(what + between, "cyan"), Text(told, style), sep="")

    request = expected.request
    step("Sent", "", f"{request.method} {request.scheme}://{request.host}{request.target}")
    step("Seen as", f"connection {found.connection}", f"stream {found.stream}")
    for one in found.steps:
        step("", one.what, one.told)
    changed = [f"{name}: {value}" for name, value in found.sent if (name, value) not in found.received]
    if found.cluster:
        step("Backend", found.cluster, found.endpoint or "(which endpoint is not known)")
        for one_header in changed:
            step("", "got", one_header)
    step("Answer", str(found.status() or "none"), found.details)
    for aspect in compared:
        same = aspect.verdict != "differs"
        told = aspect.was if same else f"{aspect.was}, and should be {aspect.should}"
        step("As explained" if same else "DIFFERS", aspect.what, told, "green" if same else "bold red")
