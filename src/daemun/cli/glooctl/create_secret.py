"""`glooctl create secret`: Secrets in the formats that Gloo reads."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.glooctl.common import Named, Where, common, group
from daemun.cli.glooctl.making import Several, make

if TYPE_CHECKING:
    from daemun.base.names import Name
    from daemun.manage.documents import Document

app = group("Make Secrets, in the formats that Gloo reads.")


@app.command()
@common
def tls(
    where: Where,
    named: Named = None,
    certchain: Annotated[Path | None, typer.Option("--certchain", help="The certificate, in PEM.")] = None,
    privatekey: Annotated[Path | None, typer.Option("--privatekey", help="Its key, in PEM.")] = None,
    rootca: Annotated[Path | None, typer.Option("--rootca", help="Authorities to trust, in PEM.")] = None,
    ocspstaple: Annotated[Path | None, typer.Option("--ocspstaple", help="An answer of OCSP, in DER.")] = None,
) -> None:
    """A certificate with its key, authorities to trust, or both."""
    from daemun.manage import secrets

    make(where, lambda name: secrets.tls(name, certchain, privatekey, rootca, ocspstaple), named)


@app.command()
@common
def aws(
    where: Where,
    named: Named = None,
    access_key: Annotated[str, typer.Option("--access-key", help="The access key.")] = "",
    secret_key: Annotated[str, typer.Option("--secret-key", help="The secret key.")] = "",
    session_token: Annotated[str, typer.Option("--session-token", help="The token of temporary keys.")] = "",
) -> None:
    """Credentials of AWS; without keys those of ~/.aws/credentials."""
    from daemun.manage import secrets

    make(where, lambda name: secrets.aws(name, access_key, secret_key, session_token), named)


@app.command()
@common
def azure(
    where: Where,
    named: Named = None,
    api_keys: Annotated[Several, typer.Option("--api-keys", help="FUNCTION=KEY, with commas.")] = None,
) -> None:
    """Keys of Azure Functions."""
    from daemun.manage import secrets
    from daemun.manage.documents import pairs

    make(where, lambda name: secrets.azure(name, pairs(api_keys or [], "--api-keys")), named)


@app.command()
@common
def header(
    where: Where,
    named: Named = None,
    headers: Annotated[Several, typer.Option("--headers", help="NAME=VALUE, with commas.")] = None,
) -> None:
    """Headers and their values."""
    from daemun.manage import secrets
    from daemun.manage.documents import pairs

    make(where, lambda name: secrets.header(name, pairs(headers or [], "--headers")), named)


@app.command()
@common
def apikey(
    where: Where,
    named: Named = None,
    key: Annotated[str, typer.Option("--apikey", help="The key.")] = "",
    generate: Annotated[bool, typer.Option("--apikey-generate", help="Make a key.")] = False,
    labels: Annotated[Several, typer.Option("--apikey-labels", help="KEY=VALUE, with commas.")] = None,
) -> None:
    """An API key."""
    from daemun.manage import secrets
    from daemun.manage.documents import pairs

    def build(name: "Name") -> "Document":
        return secrets.api_key(name, key, pairs(labels or [], "--apikey-labels"), generate=generate)

    make(where, build, named)


@app.command()
@common
def oauth(
    where: Where,
    named: Named = None,
    client_secret: Annotated[str, typer.Option("--client-secret", help="What the client proves itself with.")] = "",
) -> None:
    """The secret of an OAuth client."""
    from daemun.manage import secrets

    make(where, lambda name: secrets.oauth(name, client_secret), named)


@app.command()
@common
def authcredentials(
    where: Where,
    named: Named = None,
    username: Annotated[str, typer.Option("--username", help="The name of the account.")] = "",
    password: Annotated[str, typer.Option("--password", help="Its password.")] = "",
) -> None:
    """The account of a service, as a directory knows it."""
    from daemun.manage import secrets

    make(where, lambda name: secrets.credentials(name, username, password), named)


@app.command()
@common
def encryptionkey(
    where: Where,
    named: Named = None,
    key: Annotated[str, typer.Option("--key", help="32 bytes.")] = "",
) -> None:
    """The key that sessions are sealed with."""
    from daemun.manage import secrets

    make(where, lambda name: secrets.encryption_key(name, key), named)
