"""Functions of backends that a request can call, instead of being sent there as it is."""

from typing import Literal

import msgspec

AWS_LAMBDA = "awsLambda"
"""The kind of feature that calls a function of AWS Lambda; its spec is a `LambdaCall`."""
AZURE_FUNCTION = "azureFunction"
"""The kind of feature that calls a function of Azure; its spec is an `AzureCall`."""

GCP_IDENTITY = "gcpIdentity"
"""The kind of feature that tells a service of Google Cloud who calls; its spec is the URL of whom the token is for."""

Event = Literal["", "request", "apiGateway"]
"""What a function gets: the body alone, or also all the rest of the request, in Gloo's or in an API Gateway's form."""
Answer = Literal["", "page", "unwrapped"]
"""What a client gets: what the function says, the `body` in it as a page, or the response that it describes."""


class LambdaCall(msgspec.Struct, frozen=True, gc=False):
    """A call of a function of AWS Lambda. `path` is that of the API (Invoke), `name` what people call the function.

    With `asynchronous` nobody waits for the answer. `original` tells the API the request's own path and method.
    """

    name: str
    path: str
    asynchronous: bool = False
    event: Event = ""
    answer: Answer = ""
    original: bool = False


class AzureCall(msgspec.Struct, frozen=True, gc=False):
    """A call of a function of Azure: at which host, and whether with a key, which its cluster knows."""

    name: str
    host: str
    keyed: bool = False
