"""`glooctl create upstream`."""

from typing import TYPE_CHECKING, Annotated

import typer

from daemun.cli.glooctl.common import SYSTEM, Named, Where, common, group
from daemun.cli.glooctl.making import ServiceSpec, Several, make

if TYPE_CHECKING:
    from daemun.manage.documents import Document

app = group("Make Upstreams.")


@app.command()
@common
def static(
    where: Where,
    named: Named = None,
    hosts: Annotated[Several, typer.Option("--static-hosts", help="HOST:PORT, with commas.")] = None,
    outbound_tls: Annotated[
        bool | None, typer.Option("--static-outbound-tls", help="Speak TLS; port 443 means it anyway.")
    ] = None,
    service_spec: ServiceSpec = "",
) -> None:
    """Hosts that stand here."""
    from daemun.manage import upstreams
    from daemun.manage.documents import words

    make(where, lambda name: upstreams.static(name, words(hosts or []), tls=outbound_tls, spec=service_spec), named)


@app.command()
@common
def kube(
    where: Where,
    named: Named = None,
    service: Annotated[str, typer.Option("--kube-service", help="The Service.")] = "",
    service_namespace: Annotated[str, typer.Option("--kube-service-namespace", help="Its namespace.")] = "default",
    port: Annotated[int, typer.Option("--kube-service-port", help="Its port.", min=1, max=65535)] = 80,
    labels: Annotated[
        Several, typer.Option("--kube-service-labels", help="Only pods with KEY=VALUE, with commas.")
    ] = None,
    service_spec: ServiceSpec = "",
) -> None:
    """A port of a Service."""
    from daemun.base.names import Name
    from daemun.manage import upstreams
    from daemun.manage.documents import pairs

    def build(name: Name) -> "Document":
        chosen = pairs(labels or [], "--kube-service-labels")
        return upstreams.kube(name, Name(service_namespace, service), port, chosen, service_spec)

    make(where, build, named)


@app.command()
@common
def consul(
    where: Where,
    named: Named = None,
    service: Annotated[str, typer.Option("--consul-service", help="The service.")] = "",
    tags: Annotated[Several, typer.Option("--consul-service-tags", help="Only those with these tags.")] = None,
    service_spec: ServiceSpec = "",
) -> None:
    """A service in Consul."""
    from daemun.manage import upstreams
    from daemun.manage.documents import words

    make(where, lambda name: upstreams.consul(name, service, words(tags or []), service_spec), named)


@app.command()
@common
def aws(
    where: Where,
    named: Named = None,
    region: Annotated[str, typer.Option("--aws-region", help="The region.")] = "us-east-1",
    secret_name: Annotated[str, typer.Option("--aws-secret-name", help="The Secret with the keys.")] = "",
    secret_namespace: Annotated[str, typer.Option("--aws-secret-namespace", help="Its namespace.")] = SYSTEM,
) -> None:
    """AWS Lambda in a region."""
    from daemun.base.names import Name
    from daemun.manage import upstreams

    make(where, lambda name: upstreams.aws(name, region, Name(secret_namespace, secret_name)), named)


@app.command()
@common
def azure(
    where: Where,
    named: Named = None,
    app_name: Annotated[str, typer.Option("--azure-app-name", help="The app.")] = "",
    secret_name: Annotated[str, typer.Option("--azure-secret-name", help="The Secret with the keys.")] = "",
    secret_namespace: Annotated[str, typer.Option("--azure-secret-namespace", help="Its namespace.")] = SYSTEM,
) -> None:
    """An app of Azure Functions."""
    from daemun.base.names import Name
    from daemun.manage import upstreams

    make(where, lambda name: upstreams.azure(name, app_name, Name(secret_namespace, secret_name)), named)


@app.command()
@common
def ec2(
    where: Where,
    named: Named = None,
    region: Annotated[str, typer.Option("--aws-region", help="The region.")] = "us-east-1",
    secret_name: Annotated[str, typer.Option("--aws-secret-name", help="The Secret with the keys.")] = "",
    secret_namespace: Annotated[str, typer.Option("--aws-secret-namespace", help="Its namespace.")] = SYSTEM,
    role: Annotated[str, typer.Option("--aws-role-arn", help="The role that is assumed.")] = "",
    port: Annotated[int, typer.Option("--ec2-port", help="The port of the instances.", min=1, max=65535)] = 80,
    public_ip: Annotated[bool, typer.Option("--public-ip", help="Use their public addresses.")] = False,
    keys: Annotated[Several, typer.Option("--tag-key-filters", help="Tags that they must have.")] = None,
    tags: Annotated[
        Several, typer.Option("--tag-key-value-filters", help="Tags with values: KEY=VALUE, with commas.")
    ] = None,
) -> None:
    """EC2 instances."""
    from daemun.base.names import Name
    from daemun.manage import upstreams
    from daemun.manage.documents import pairs, words

    def build(name: Name) -> "Document":
        return upstreams.ec2(
            name,
            region,
            Name(secret_namespace, secret_name),
            role=role,
            port=port,
            public=public_ip,
            keys=words(keys or []),
            tags=pairs(tags or [], "--tag-key-value-filters"),
        )

    make(where, build, named)
