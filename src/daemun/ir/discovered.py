"""Who is asked by the control plane which functions there are, and what they say (Gloo's function discovery)."""

from typing import ClassVar, Literal, NamedTuple, TypeAlias

import msgspec

Kind = Literal["grpc", "rest", "aws"]
"""Of what the functions are: what a `Said` holds is a descriptor set, a document's functions, a list of Lambda's."""


class Reflection(msgspec.Struct, frozen=True, gc=False):
    """gRPC servers (gRPC server reflection), any of which may answer: hosts or addresses, with ports."""

    kind: ClassVar[Kind] = "grpc"
    targets: tuple[tuple[str, int], ...]


class Documents(msgspec.Struct, frozen=True, gc=False):
    """Servers that may have an OpenAPI document at one of these paths; each base is a URL without one."""

    kind: ClassVar[Kind] = "rest"
    bases: tuple[str, ...]
    paths: tuple[str, ...]


class Lambdas(msgspec.Struct, frozen=True, gc=False):
    """AWS Lambda in a region, at a URL, with credentials that may take on a role."""

    kind: ClassVar[Kind] = "aws"
    url: str
    region: str
    access_key: str
    secret_key: str
    session_token: str = ""
    role_arn: str = ""

    def __repr__(self) -> str:
        return f"<AWS Lambda in {self.region}>"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        return []


Question: TypeAlias = Reflection | Documents | Lambdas


class Asked(NamedTuple):
    """What one Upstream's servers are asked: the first question that is answered counts.

    `probed`: nobody says that they have functions. Then it is no trouble if they do not answer.
    """

    questions: tuple[Question, ...]
    probed: bool = False


class Said(NamedTuple):
    """What was said last, and why nothing newer was (`trouble`). Without a `kind` nothing was said ever."""

    kind: Literal["", "grpc", "rest", "aws"] = ""
    data: bytes = b""
    trouble: str = ""
