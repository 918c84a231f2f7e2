"""`daemun crds`: the CustomResourceDefinitions of the kinds that Daemun brings along."""

from typing import Annotated, Any

import typer

from daemun.cli.options import Data


def crds(
    gloo: Annotated[bool, typer.Option("--gloo", help="Only those of Gloo's kinds.")] = False,
    daemun: Annotated[bool, typer.Option("--daemun", help="Only those of Daemun's own kinds.")] = False,
    output: Annotated[Data, typer.Option("--output", "-o", help="How to answer.")] = Data.yaml,
) -> None:
    """Print the CustomResourceDefinitions of Gloo's kinds and of Daemun's own.

    They are made from the types that manifests are read with. The chart installs them where they are not there yet;
    those that Gloo Gateway has installed serve as well. Gateway API's are installed from its own release.

    Examples:

      daemun crds --gloo | kubectl create -f -

      daemun crds -o json | jq -r '.[].metadata.name'
    """
    from daemun.api.crds import definitions
    from daemun.cli.output import dump_json

    every = gloo == daemun
    documents = list(definitions(gloo=gloo or every, daemun=daemun or every))
    typer.echo(dump_json(documents) if output is Data.json else "".join(map(text, documents)), nl=output is Data.json)


def text(definition: dict[str, Any]) -> str:
    """A definition as YAML that starts its own document; small parts on one line, as nobody reads it line by line."""
    import msgspec
    import yaml

    apart = msgspec.json.decode(msgspec.json.encode(definition))  # what is said twice is written twice: no YAML aliases
    return "---\n" + yaml.dump(
        apart, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None
    )
