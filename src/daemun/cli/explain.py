"""`daemun explain`: where a request goes, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.options import Address, Gateway, KubeContext, RealPorts, TextOrData

if TYPE_CHECKING:
    from rich.console import Console

    from daemun.base.names import Ref
    from daemun.explain import Candidate, Effect, Explanation, Request, Share
    from daemun.report.journal import Place

_METAVAR = "PATH... METHOD URL"


def explain(
    words: Annotated[
        list[str], typer.Argument(metavar=_METAVAR, help="Files or folders with manifests, then the request.")
    ],
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header of the request.", metavar="'NAME: VALUE'")
    ] = None,
    gateway: Gateway = None,
    output: Annotated[TextOrData, typer.Option("--output", "-o", help="How to answer.")] = TextOrData.text,
    address: Address = "127.0.0.1",
    real_ports: RealPorts = False,
    kube_context: KubeContext = None,
    live: Annotated[
        bool, typer.Option("--live", help="Send the request too, and tell what a proxy really did with it.")
    ] = False,
    to: Annotated[
        str | None, typer.Option("--to", help="Where --live sends it; else to the Gateway.", metavar="ADDRESS:PORT")
    ] = None,
    pod: Annotated[str | None, typer.Option("--pod", help="Whose log --live reads; else the first's.")] = None,
) -> None:
    """Tell which listener, route, rule and match take a request, who lost and why, and what is done to it.

    Nothing is sent, but with --live. The answer is what Envoy would do.

    Examples:

      daemun explain manifests/ GET http://api.example.com/get

      daemun explain manifests/ POST http://127.0.0.1:8080/orders -H 'Host: shop.example.com' -H 'x-canary: yes'

      daemun explain --kube-context kind-lab change.yaml GET http://api.example.com/get

      daemun explain manifests/ GET http://api.example.com/get --live   # while `daemun up manifests/` serves
    """
    from daemun.cli.loading import Surroundings, load
    from daemun.cli.output import console, dump_json, dump_yaml, fail, plain
    from daemun.explain import explain as explanation_of

    if len(words) < 2:
        fail("a request needs a method and a URL", "For example: daemun explain manifests/ GET http://example.com/")
    *paths, method, url = words
    request = _request(method, url, header or [])
    if not paths and kube_context is None:
        kube_context = ""
    loaded = load([Path(path) for path in paths], Surroundings(kube_context, address, real_ports))
    found = explanation_of(loaded.translation, request, loaded.gateway(gateway))
    if live:
        from daemun.cli.really import really

        really(loaded, [Path(path) for path in paths], kube_context, found, to=to, pod=pod, output=output)
        return
    if output is TextOrData.json:
        typer.echo(dump_json(plain(found)))
    elif output is TextOrData.yaml:
        typer.echo(dump_yaml([plain(found)]), nl=False)
    else:
        _Printer(console(), loaded.place).explanation(found)


def _request(method: str, url: str, headers: list[str]) -> "Request":
    from daemun.cli.output import fail
    from daemun.explain import header_from, request_from

    try:
        return request_from(method, url, [header_from(text) for text in headers])
    except ValueError as error:
        fail(str(error))


class _Printer:
    """An explanation for a person, in the order in which things happen."""

    def __init__(self, to: "Console", place: "Place") -> None:
        self._to = to
        self._place = place

    def explanation(self, found: "Explanation") -> None:
        """All of it, the outcome last."""
        self._arrival(found)
        self._candidates(found)
        self._effects("Filters", found.effects)
        shares = found.outcome.shares
        if len(shares) > 1 or any(share.cluster for share in shares):
            for share in shares:
                self._share(share)
        for problem in found.problems:
            self._step("Problem", f"{problem.ref} {problem.where}", f"{problem.text}. {problem.mend}".strip())
        self._step("Outcome", "", found.outcome.why)

    def _arrival(self, found: "Explanation") -> None:
        """Where the request comes in, and the virtual host that it belongs to."""
        if found.entry is not None:
            self._step("Gateway", f"{found.entry.gateway}", found.entry.why)
            if found.entry.tls:
                self._step("TLS", "", found.entry.tls)
            for other in found.entry.alternatives:
                self._line(f"or {other.gateway}: {other.why}", dim=True)
        for change in found.changes:
            self._step("Envoy first", change.what, change.why)
        if found.host is not None:
            self._step("Virtual host", found.host.virtual_host, found.host.why)

    def _candidates(self, found: "Explanation") -> None:
        """The matches in Envoy's order, and the routes that were not even asked."""
        if found.omitted:
            self._line(f"{found.omitted} more before these did not match", dim=True)
        for candidate in found.before:
            self._candidate("-", "red", candidate)
        if found.winner is not None:
            self._candidate("*", "bold green", found.winner)
        for candidate in found.after:
            self._candidate("-", "yellow", candidate)
        for near in found.near:
            self._line(f"{near.route}: {near.why}", dim=True)

    def _candidate(self, mark: str, style: str, candidate: "Candidate") -> None:
        from rich.text import Text

        name = f" ({candidate.name})" if candidate.name else ""
        where = self._at(candidate.route, candidate.match)
        self._to.print(
            Text(f"  {mark} ", style), Text(f"{candidate.route}{name} ", "cyan"), Text(candidate.reads), sep="", end=""
        )
        self._to.print(Text(f"  {where}", "dim"))
        if candidate.through:
            self._line(f"    delegated to by {', then by '.join(str(one) for one in candidate.through)}", dim=True)
        self._line(f"    {candidate.why}", dim=mark != "*")

    def _share(self, share: "Share") -> None:
        percent = f"{share.percent:.4g} %"
        if share.cluster:
            endpoints = ", ".join(share.endpoints) or "no endpoint is ready"
            self._step("Backend", f"{share.backend}:{share.port}", f"{percent} ({share.protocol}): {endpoints}")
        else:
            self._step("Backend", share.where, f"{percent}: {share.why}")
        self._effects("  filters", share.effects)

    def _effects(self, title: str, effects: tuple["Effect", ...]) -> None:
        for effect in effects:
            self._step(title, effect.kind, f"{effect.does}  [{self._at(effect.route, effect.where)}]")

    def _at(self, ref: "Ref", where: str) -> str:
        file, line = self._place(ref, where)
        return f"{where} at {file}:{line}" if file else where

    def _step(self, title: str, what: str, why: str) -> None:
        from rich.text import Text

        words = [Text(f"{title:<13}", "bold"), Text(f"{what}  " if what else "", "cyan"), Text(why)]
        self._to.print(*words, sep="")

    def _line(self, text: str, *, dim: bool = False) -> None:
        from rich.text import Text

        self._to.print(Text(f"{'':<13}{text}", "dim" if dim else ""))
