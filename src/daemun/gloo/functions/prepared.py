"""Upstreams with functions, made such as others are: hosts, with what their calls need."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.listener_filters import GrpcJsonTranscoder
from daemun.api.gloo.settings import AWSOptions
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.functions import aws, azure, gcp, rest
from daemun.gloo.functions.transcoding import Transcoding, service_spec, transcoder_of
from daemun.gloo.upstreams.signing import Signing, signing_of
from daemun.ir.discovered import Said
from daemun.ir.injected import FunctionKey


class Prepared(msgspec.Struct, frozen=True):
    """What an Upstream comes to, with who signs what is sent there, and the keys of functions by the functions' names.
    With `faults` nothing is sent; `notes` are of no such weight.
    """

    spec: UpstreamSpec
    signing: Signing | None = None
    keys: Mapping[str, FunctionKey] = MappingProxyType({})
    transcoder: GrpcJsonTranscoder | None = None
    functions: rest.Functions = rest.NO_FUNCTIONS
    faults: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()


class Inputs(msgspec.Struct, frozen=True):
    """What functions are found by. `authorities` is the file of those whom the machine trusts."""

    secrets: Collection[Name, Secret]
    transcoding: Transcoding
    authorities: str


def prepared(reader: Reader, of: Inputs, ref: Ref, upstream: Upstream, spec: UpstreamSpec, on: AWSOptions) -> Prepared:
    """An Upstream without faults so far; `on` is what Settings say of AWS."""
    if spec.aws is not None:
        hosted = aws.hosted(upstream, spec, of.authorities)
        if isinstance(hosted, Finding):
            return Prepared(spec, faults=(hosted,))
        heard = None if spec.aws.lambda_functions else reader.get(of.transcoding.said, ref.key)
        made = _signed(hosted, aws.signing_of(reader, of.secrets, ref.key, hosted, on))
        if heard is None:
            return made
        listed = msgspec.structs.replace(hosted, aws=aws.listed(spec.aws, heard))
        return msgspec.structs.replace(made, spec=listed, notes=_troubles("spec.aws.lambdaFunctions", heard))
    if spec.azure is not None:
        hosted = azure.hosted(upstream, spec, of.authorities)
        if isinstance(hosted, Finding):
            return Prepared(spec, faults=(hosted,))
        keys = azure.keys_of(reader, of.secrets, ref.key, spec.azure)
        return Prepared(hosted, faults=keys) if isinstance(keys, tuple) else Prepared(hosted, keys=keys)
    if spec.gcp is not None:
        return Prepared(gcp.hosted(spec, spec.gcp, of.authorities))
    made = _with_rest(reader, of, ref, _signed(spec, signing_of(reader, of.secrets, ref.key, upstream)))
    transcoder = transcoder_of(reader, of.transcoding, ref, spec)
    if isinstance(transcoder, tuple):
        return msgspec.structs.replace(made, faults=(*made.faults, *transcoder))
    if transcoder is not None and spec.use_http2 is None:
        spec = msgspec.structs.replace(spec, use_http2=True)
    return msgspec.structs.replace(made, spec=spec, transcoder=transcoder)


def _with_rest(reader: Reader, of: Inputs, ref: Ref, made: Prepared) -> Prepared:
    """With the functions of a REST service, if it is one. Without them requests can be sent there all the same."""
    found = service_spec(made.spec)
    said = found[1].rest if found is not None else None
    heard = reader.get(of.transcoding.said, ref.key)
    if found is not None and said is None:
        return made
    where = f"{found[0]}.rest" if found is not None else ""
    wrong = rest.faults(said, where) if said is not None else ()
    if wrong and said is not None:
        said = msgspec.structs.replace(said, swagger_info=None)
    known = rest.functions(said, heard)
    notes = (*wrong, *_troubles(where, heard)) if heard is not None and said is not None else wrong
    return msgspec.structs.replace(made, functions=known, notes=notes)


def _troubles(where: str, heard: Said) -> tuple[Finding, ...]:
    """Why nobody says which functions there are now, if so."""
    if not heard.trouble:
        return ()
    text = f"the functions are {'as they were said last' if heard.kind else 'not known'}: {heard.trouble}"
    return (Finding("FunctionsUnknown", where, text, "Write them, or let them be asked for."),)


def _signed(spec: UpstreamSpec, signing: Signing | Finding | None) -> Prepared:
    return Prepared(spec, faults=(signing,)) if isinstance(signing, Finding) else Prepared(spec, signing)
