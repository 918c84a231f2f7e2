"""The functions that Upstreams have, as routes know them, and which of them a destination calls."""

from collections.abc import Iterator

import msgspec

from daemun.api.gloo.cloud import AwsDestinationSpec, AwsUpstreamSpec, AzureUpstreamSpec
from daemun.api.gloo.destinations import DestinationSpec
from daemun.api.gloo.service_spec import GrpcDestinationSpec, RestDestinationSpec
from daemun.api.gloo.settings import AWSOptions
from daemun.api.meta import LocalObjectReference
from daemun.base.names import GLOO, Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gatewayapi.routes.backends import NOT_CALLED, Call, Called
from daemun.gatewayapi.routes.extensions import unknown
from daemun.gloo.functions import aws, azure, gcp, methods, rest
from daemun.gloo.functions.descriptors import TRANSCODER
from daemun.gloo.functions.rest import NO_FUNCTIONS, REST_FUNCTION, Functions
from daemun.gloo.functions.transcoding import service_spec
from daemun.gloo.upstreams.upstream import ResolvedUpstream
from daemun.ir.backend import GCP_METADATA, BackendKey
from daemun.ir.function import AWS_LAMBDA, AZURE_FUNCTION, GCP_IDENTITY
from daemun.ir.route import Use

PARAMETER = "Parameter"
"""The kind of filter of a backendRef that names a function. There is no such object: its name is the function's."""


class Offer(msgspec.Struct, frozen=True, gc=False):
    """What can be called of an Upstream, or else what is done to all requests for it (`use`).

    `old`: its gRPC services are described in the old way, in which a destination always says what is called.
    """

    aws: AwsUpstreamSpec | None
    options: AWSOptions
    azure: AzureUpstreamSpec | None
    use: Use | None = None
    rest: Functions = NO_FUNCTIONS
    old: bool = False


Offers = Collection[Name, Offer]


def offer_rule(_: Reader, name: Name, upstream: ResolvedUpstream) -> Iterator[tuple[Name, Offer]]:
    """From an Upstream to its functions, if it has any. Who signs is no business of routes."""
    spec, transcoder = upstream.spec.aws, upstream.transcoder
    if spec is not None:
        yield name, Offer(msgspec.structs.replace(spec, secret_ref=None, role_arn=""), upstream.aws, None)
    elif transcoder is not None:
        use = Use(TRANSCODER, transcoder, "spec.serviceSpec.grpcJsonTranscoder", by=upstream.ref)
        said = service_spec(upstream.spec)
        yield name, Offer(None, upstream.aws, None, use, old=said is not None and said[1].grpc is not None)
    elif upstream.functions:
        yield name, Offer(None, upstream.aws, None, rest=upstream.functions)
    elif upstream.spec.azure is not None:
        yield name, Offer(None, upstream.aws, msgspec.structs.replace(upstream.spec.azure, secret_ref=None))
    elif upstream.spec.gcp is not None:
        use = Use(GCP_IDENTITY, gcp.audience(upstream.spec.gcp), "spec.gcp", (GCP_METADATA,), by=upstream.ref)
        yield name, Offer(None, upstream.aws, None, use)


def call_of(offers: Offers) -> Call:
    """How a backendRef says what it calls: by a filter of the kind Parameter with the name of the function."""

    def call(
        reader: Reader, where: str, key: BackendKey | None, refs: tuple[tuple[str, LocalObjectReference], ...]
    ) -> Called:
        named = [(at, ref) for at, ref in refs if (ref.group, ref.kind) == (GLOO, PARAMETER)]
        others = tuple(unknown(*one) for one in refs if one not in named)
        offer = _offer(reader, offers, key)
        if others or key is None or (offer is None and not named):
            return Called(findings=others) if others else NOT_CALLED
        at, asked = (named[0][0], named[0][1].name) if named else (where, "")
        if len(named) > 1:
            text = "the backend has a function already"
            return Called(findings=(Finding("IncompatibleFilters", named[1][0], text, "Name just one."),))
        if offer is not None and offer.azure is not None:
            return _called(AZURE_FUNCTION, at, azure.call(offer.azure, at, asked))
        if offer is not None and offer.rest and named:
            return _called(REST_FUNCTION, at, rest.call(offer.rest, at, RestDestinationSpec(asked)))
        if offer is None or offer.aws is None:
            return Called(findings=(_without(at),)) if named else _by_itself(offer)
        said = AwsDestinationSpec(logical_name=asked)
        return _called(AWS_LAMBDA, at, aws.call(offer.aws, offer.options, at, said))

    return call


def of_destination(
    reader: Reader, offers: Offers, where: str, key: BackendKey, asked: DestinationSpec | None
) -> Called:
    """What a classic destination calls."""
    offer = _offer(reader, offers, key)
    at = f"{where}.destinationSpec"
    if asked is not None and asked.rest is not None:
        known = offer.rest if offer is not None else NO_FUNCTIONS
        return _called(REST_FUNCTION, at, rest.call(known, f"{at}.rest", asked.rest))
    if asked is not None and asked.grpc is not None:
        return _of_method(offer, f"{at}.grpc", asked.grpc)
    meant = asked.aws or asked.azure if asked is not None else None
    if offer is None or (offer.aws is None and offer.azure is None):
        return Called(findings=(_without(at),)) if meant is not None else _by_itself(offer)
    kind = "aws" if offer.aws is not None else "azure"
    if asked is not None and getattr(asked, kind) is None:
        text = f"the Upstream is of functions of {kind}"
        return Called(findings=(Finding("Invalid", at, text, f"Give it {kind}, with a function of the Upstream."),))
    if offer.azure is not None:
        function = asked.azure.function_name if asked is not None and asked.azure is not None else ""
        here = f"{at}.azure.functionName"
        return _called(AZURE_FUNCTION, here, azure.call(offer.azure, here, function))
    assert offer.aws is not None  # noqa: S101 - one of both
    here = f"{at}.aws.logicalName"
    return _called(AWS_LAMBDA, here, aws.call(offer.aws, offer.options, here, asked.aws if asked else None))


def _of_method(offer: Offer | None, where: str, asked: GrpcDestinationSpec) -> Called:
    """A method of a gRPC service: the request becomes a call of it, and the transcoder is told of its path."""
    use = offer.use if offer is not None else None
    if offer is None or use is None or use.kind != TRANSCODER:
        text = "nobody knows the gRPC services of the backend"
        mend = "Give the Upstream a serviceSpec with grpcJsonTranscoder."
        return Called(findings=(Finding("BackendNotFound", where, text, mend),))
    found = methods.call(use.spec, where, asked, always=offer.old)
    if isinstance(found, Finding):
        return Called(findings=(found,))
    meant, transcoder = found
    through = msgspec.structs.replace(use, spec=transcoder)
    return Called((through,) if meant is None else (Use(REST_FUNCTION, meant, where), through))


def _offer(reader: Reader, offers: Offers, key: BackendKey | None) -> Offer | None:
    if key is None or key.kind != "upstream":
        return None
    return reader.get(offers, Name(key.namespace, key.name))


def _called(kind: str, where: str, found: object) -> Called:
    if isinstance(found, Finding):
        return Called(findings=(found,))
    return Called((Use(kind, found, where),))


def _by_itself(offer: Offer | None) -> Called:
    return Called((offer.use,)) if offer is not None and offer.use is not None else NOT_CALLED


def _without(where: str) -> Finding:
    return Finding("BackendNotFound", where, "the backend has no functions", "Name an Upstream that has them.")
