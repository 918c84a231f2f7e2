"""`glooctl create`: objects from a few words, or from a file."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from daemun.cli.glooctl import create_secret, create_upstream
from daemun.cli.glooctl.common import SYSTEM, Group, Named, Where, common
from daemun.cli.glooctl.making import Several, make

if TYPE_CHECKING:
    from daemun.manage.documents import Document

app = typer.Typer(rich_markup_mode=None, cls=Group)
app.add_typer(create_secret.app, name="secret")
app.add_typer(create_upstream.app, name="upstream")


@app.callback(invoke_without_command=True)
@common
def create(
    where: Where,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Objects in YAML, made as they are.", metavar="FILE")
    ] = None,
) -> None:
    """Make objects."""
    if file is not None:
        from daemun.cli.glooctl.files import create_all

        create_all(where, file)


@app.command()
@common
def upstreamgroup(
    where: Where,
    named: Named = None,
    weighted: Annotated[
        Several, typer.Option("--weighted-upstreams", help="NAMESPACE.NAME=WEIGHT, with commas.")
    ] = None,
) -> None:
    """Upstreams and their weights."""
    from daemun.manage import upstreams
    from daemun.manage.documents import pairs

    make(where, lambda name: upstreams.group(name, pairs(weighted or [], "--weighted-upstreams")), named)


@app.command()
@common
def virtualservice(
    where: Where,
    named: Named = None,
    domains: Annotated[Several, typer.Option("--domains", help="Hosts, with commas; any without.")] = None,
    display_name: Annotated[str, typer.Option("--display-name", help="A name for people.")] = "",
) -> None:
    """A VirtualService without routes."""
    from daemun.manage import routes
    from daemun.manage.documents import words

    make(where, lambda name: routes.virtual_service(name, words(domains or []), display_name), named)


@app.command()
@common
def authconfig(
    where: Where,
    named: Named = None,
    enable_oidc: Annotated[bool, typer.Option("--enable-oidc-auth", help="Users log in.")] = False,
    issuer: Annotated[str, typer.Option("--oidc-auth-issuer-url", help="Who knows the users.")] = "",
    app_url: Annotated[str, typer.Option("--oidc-auth-app-url", help="Where the app is.")] = "",
    client_id: Annotated[str, typer.Option("--oidc-auth-client-id", help="The client.")] = "",
    secret_name: Annotated[str, typer.Option("--oidc-auth-client-secret-name", help="Its Secret.")] = "",
    secret_namespace: Annotated[
        str, typer.Option("--oidc-auth-client-secret-namespace", help="The Secret's namespace.")
    ] = SYSTEM,
    callback: Annotated[
        str, typer.Option("--oidc-auth-callback-path", help="Where users come back to.")
    ] = "/oidc-gloo-callback",
    scopes: Annotated[Several, typer.Option("--oidc-scope", help="Scopes besides openid.")] = None,
    parameters: Annotated[Several, typer.Option("--auth-endpoint-query-params", help="KEY=VALUE, with commas.")] = None,
    enable_keys: Annotated[bool, typer.Option("--enable-apikey-auth", help="API keys.")] = False,
    selector: Annotated[
        Several, typer.Option("--apikey-label-selector", help="Labels of their Secrets: KEY=VALUE.")
    ] = None,
    key_name: Annotated[str, typer.Option("--apikey-secret-name", help="A Secret with one.")] = "",
    key_namespace: Annotated[str, typer.Option("--apikey-secret-namespace", help="Its namespace.")] = SYSTEM,
    enable_opa: Annotated[bool, typer.Option("--enable-opa-auth", help="Modules of Open Policy Agent.")] = False,
    modules: Annotated[Several, typer.Option("--opa-module-ref", help="NAMESPACE.NAME of ConfigMaps.")] = None,
    query: Annotated[str, typer.Option("--opa-query", help="What they are asked.")] = "",
) -> None:
    """An AuthConfig of which all parts must hold."""
    from daemun.base.names import Name
    from daemun.manage import policies
    from daemun.manage.documents import pairs, words

    def build(name: Name) -> "Document":
        oidc = keys = opa = None
        if enable_oidc:
            more: dict[str, Any] = {"scopes": words(scopes or [])}
            more["parameters"] = pairs(parameters or [], "--auth-endpoint-query-params")
            client = Name(secret_namespace, secret_name)
            oidc = policies.Oidc(issuer, app_url, client_id, client, callback, **more)
        if enable_keys:
            one = Name(key_namespace, key_name) if key_name else None
            keys = policies.Keys(pairs(selector or [], "--apikey-label-selector"), one)
        if enable_opa:
            opa = policies.Modules([Name(*each.split(".", 1)) for each in words(modules or [])], query)
        return policies.auth_config(name, oidc, keys, opa)

    make(where, build, named)
