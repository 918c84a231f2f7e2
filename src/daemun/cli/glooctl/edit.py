"""`glooctl edit`: changes of objects that are there."""

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from daemun.base.names import GLOO
from daemun.cli.glooctl.common import SYSTEM, Group, Named, Where, common, group
from daemun.cli.glooctl.making import Several
from daemun.cli.glooctl.routes import Index, change

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.manage.documents import Document

SecretName = Annotated[str, typer.Option("--ssl-secret-name", help="The Secret with the certificate.")]
SecretNamespace = Annotated[str, typer.Option("--ssl-secret-namespace", help="Its namespace.")]
Remove = Annotated[bool, typer.Option("--ssl-remove", help="Without TLS from now on.")]
_SETTINGS = (GLOO, "Settings")
_LIMITS = "Which descriptors a request has, as Envoy's rate limits have it: a list of actions."
_SERVER = "The limits of the service: descriptors, as Envoy's rate limit service has them."

app = group("Change objects.")
virtual_service = typer.Typer(rich_markup_mode=None, cls=Group)
settings = group("Change the Settings.")
route = typer.Typer(rich_markup_mode=None, cls=Group)
app.add_typer(virtual_service, name="virtualservice")
app.add_typer(settings, name="settings")
app.add_typer(route, name="route")


@app.command()
@common
def upstream(
    where: Where,
    named: Named = None,
    secret_name: SecretName = "",
    secret_namespace: SecretNamespace = SYSTEM,
    sni: Annotated[str, typer.Option("--ssl-sni", help="The server name that it is asked for.")] = "",
    remove: Remove = False,
) -> None:
    """Give an Upstream TLS, or take it away."""
    from daemun.manage import upstreams

    secret = _name(secret_namespace, secret_name)

    def act(there: "Document") -> "Document":
        return upstreams.open_up(there) if remove else upstreams.secure(there, secret, sni)

    change(where, where.named(named), act, "upstream")


@virtual_service.callback(invoke_without_command=True)
@common
def tls_of_virtual_service(
    ctx: typer.Context,
    where: Where,
    secret_name: SecretName = "",
    secret_namespace: SecretNamespace = SYSTEM,
    names: Annotated[Several, typer.Option("--ssl-sni-domains", help="The server names that it is for.")] = None,
    remove: Remove = False,
) -> None:
    """Give a VirtualService TLS, or take it away; or change its limits."""
    from daemun.manage import routes
    from daemun.manage.documents import words

    if ctx.invoked_subcommand is not None:
        return
    secret = _name(secret_namespace, secret_name)

    def act(there: "Document") -> "Document":
        return routes.open_up(there) if remove else routes.secure(there, secret, words(names or []))

    change(where, where.named(), act)


@route.callback()
@common
def which_route(ctx: typer.Context, where: Where, index: Index = 0) -> None:
    """Change a route of a VirtualService."""
    ctx.obj = msgspec.structs.replace(where, index=index)


@route.command()
@common
def externalauth(
    where: Where,
    disable: Annotated[bool, typer.Option("--disable", "-d", help="Ask nobody, whatever the host says.")] = False,
) -> None:
    """Say that a route asks nobody whether a request may pass."""
    from daemun.manage import policies, routes

    def act(there: "Document") -> "Document":
        if disable:
            policies.no_auth(routes.at(there, where.index))
        return there

    change(where, where.named(), act)


def _edit_limits(where: Where, find: "Any") -> None:
    """Edit the options `ratelimit` of what is found in a VirtualService."""
    from daemun.cli.glooctl.editor import edited

    def act(there: "Document") -> "Document":
        options = find(there).setdefault("options", {})
        options["ratelimit"] = edited(options.get("ratelimit"), _LIMITS) or {}
        return there

    change(where, where.named(), act)


limits_of_route = group("Change the limits of a route.")
limits_of_host = group("Change the limits of a VirtualService.")
route.add_typer(limits_of_route, name="ratelimit")
virtual_service.add_typer(limits_of_host, name="ratelimit")


@limits_of_route.command("client-config")
@common
def route_limits(where: Where) -> None:
    """Edit which descriptors the requests of a route have."""
    from daemun.manage import routes

    _edit_limits(where, lambda there: routes.at(there, where.index))


@limits_of_host.command("client-config")
@common
def host_limits(where: Where) -> None:
    """Edit which descriptors the requests of a host have."""
    _edit_limits(where, lambda there: there.setdefault("spec", {}).setdefault("virtualHost", {}))


@settings.command("externalauth")
@common
def auth_server(
    where: Where,
    server_name: Annotated[str, typer.Option("--extauth-server-name", help="Its Upstream.")] = "",
    server_namespace: Annotated[str, typer.Option("--extauth-server-namespace", help="Its namespace.")] = SYSTEM,
) -> None:
    """Say which server is asked whether a request may pass."""
    from daemun.manage import policies

    server = _name(server_namespace, server_name)
    _change_settings(where, lambda there: policies.set_server(there, "extauth", "extauthzServerRef", server))


limits_of_all = typer.Typer(rich_markup_mode=None, cls=Group)
settings.add_typer(limits_of_all, name="ratelimit")


@limits_of_all.callback(invoke_without_command=True)
@common
def limit_server(
    ctx: typer.Context,
    where: Where,
    server_name: Annotated[str, typer.Option("--ratelimit-server-name", help="Its Upstream.")] = "",
    server_namespace: Annotated[str, typer.Option("--ratelimit-server-namespace", help="Its namespace.")] = SYSTEM,
    timeout: Annotated[
        str | None, typer.Option("--request-timeout", help="How long it may take, such as 100ms.")
    ] = None,
    deny: Annotated[bool | None, typer.Option("--deny-on-failure", help="Refuse if it does not answer.")] = None,
) -> None:
    """Say which service counts, or edit the limits that it knows."""
    from daemun.manage import policies

    if ctx.invoked_subcommand is not None:
        return
    server = _name(server_namespace, server_name)

    def act(there: "Document") -> "Document":
        more = {"requestTimeout": timeout, "denyOnFail": deny}
        return policies.set_server(there, "ratelimitServer", "ratelimitServerRef", server, **more)

    _change_settings(where, act)


@limits_of_all.command("server-config")
@common
def limits(where: Where) -> None:
    """Edit the limits that the service knows."""
    from daemun.cli.glooctl.editor import edited
    from daemun.manage.policies import upper_units

    def act(there: "Document") -> "Document":
        spec = there.setdefault("spec", {})
        spec["ratelimit"] = upper_units(edited(spec.get("ratelimit"), _SERVER)) or {}
        return there

    _change_settings(where, act)


def _change_settings(where: Where, act: "Any") -> None:
    """Change the Settings, by default those that are called `default`, and say no more than that."""
    from daemun.base.names import Name
    from daemun.manage.documents import ref_of
    from daemun.manage.store import changed

    name = Name(where.system, where.name or "default")
    made = where.ask(
        lambda store: changed(store, _SETTINGS, name, act, where.resource_version, write=not where.dry_run)
    )
    if where.dry_run:
        from daemun.cli.output import dump_yaml

        print(dump_yaml([made]), end="")
    else:
        print(f"{ref_of(made)} changed")


def _name(namespace: str, name: str) -> "Name | None":
    from daemun.base.names import Name

    return Name(namespace, name) if name else None
