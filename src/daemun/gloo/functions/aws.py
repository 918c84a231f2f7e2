"""AWS Lambda: an Upstream of functions as the host that answers for them, who signs the calls, and what is called."""

import re
from collections.abc import Iterator

import msgspec

from daemun.api.core import Secret
from daemun.api.gloo.cloud import AwsDestinationSpec, AwsUpstreamSpec, LambdaFunctionSpec
from daemun.api.gloo.settings import AWSOptions
from daemun.api.gloo.upstream import Upstream, UpstreamSpec
from daemun.base.names import Name
from daemun.flow import Collection, Reader
from daemun.gatewayapi.findings import Finding
from daemun.gloo.functions import hosting
from daemun.gloo.secrets import Aws
from daemun.gloo.upstreams.signing import ROLE, WORD, Account, Proxy, Signing, credentials_of
from daemun.ir.discovered import Lambdas, Said
from daemun.ir.function import LambdaCall

ENDPOINT = "daemun.dev/aws-endpoint"
"""An annotation: the URL of Lambda where it is not the region's own, such as that of a VPC endpoint."""
_INVALID, _MISSING = "Invalid", "BackendNotFound"
_SERVICE = "lambda"
_ACCOUNT = re.compile(r"[0-9]{12}")
_NAME = re.compile(r"[A-Za-z0-9:_-]{1,170}")
_QUALIFIER = re.compile(r"[$A-Za-z0-9_-]{1,128}")


def faults(spec: AwsUpstreamSpec) -> Iterator[Finding]:
    """What is wrong with an Upstream of functions, as written."""
    if not WORD.fullmatch(spec.region):
        text = f"{spec.region[:80]!r} is not a region" if spec.region else "is missing"
        yield Finding(_INVALID, "spec.aws.region", text, "Name one, such as eu-central-1.")
    if spec.role_arn and not ROLE.fullmatch(spec.role_arn):
        yield Finding(_INVALID, "spec.aws.roleArn", f"{spec.role_arn[:80]!r} is not the ARN of a role")
    if spec.aws_account_id and not _ACCOUNT.fullmatch(spec.aws_account_id):
        yield Finding(_INVALID, "spec.aws.awsAccountId", "is not the number of an account", "It has 12 digits.")
    seen = set()
    for index, one in enumerate(spec.lambda_functions):
        where = f"spec.aws.lambdaFunctions[{index}]"
        if not _NAME.fullmatch(one.lambda_function_name):
            yield Finding(_INVALID, f"{where}.lambdaFunctionName", "is not the name of a function of AWS Lambda")
        if one.qualifier and not _QUALIFIER.fullmatch(one.qualifier):
            yield Finding(_INVALID, f"{where}.qualifier", "is neither a version nor an alias")
        if one.logical_name in seen:
            yield Finding(_INVALID, f"{where}.logicalName", f"another function is called {one.logical_name!r}, too")
        seen.add(one.logical_name)


def hosted(upstream: Upstream, spec: UpstreamSpec, authorities: str) -> UpstreamSpec | Finding:
    """The Upstream as the host that answers for its functions."""
    assert spec.aws is not None  # noqa: S101 - the caller has looked
    region = spec.aws.region
    url = f"https://lambda.{region}.amazonaws.com{'.cn' if region.startswith('cn-') else ''}"
    return hosting.hosted(upstream, spec, ENDPOINT, url, authorities)


def signing_of(
    reader: Reader, secrets: Collection[Name, Secret], name: Name, spec: UpstreamSpec, options: AWSOptions
) -> Signing | Finding:
    """Who signs the calls of an Upstream that is hosted, or why nobody can."""
    assert spec.aws is not None  # noqa: S101 - the caller has looked
    assert spec.static is not None  # noqa: S101 - see `hosted`
    aws, host = spec.aws, spec.static.hosts[0]
    at = host.addr if host.port in hosting.PORTS.values() else f"{host.addr}:{host.port}"
    account = options.service_account_credentials is not None
    if aws.secret_ref is not None:
        secret = Name(aws.secret_ref.namespace or name.namespace, aws.secret_ref.name)
        held = credentials_of(reader, secrets, "spec.aws.secretRef", secret)
        if isinstance(held, Finding):
            return held
        return Signing(_SERVICE, aws.region, held, aws.role_arn, at)
    if account and aws.role_arn and aws.disable_role_chaining:
        return Signing(_SERVICE, aws.region, Account(aws.role_arn), host=at)
    if account or options.enable_credentials_discovey:
        return Signing(_SERVICE, aws.region, Proxy(), aws.role_arn, at)
    mend = "Name one, or let proxies find theirs (gloo.awsOptions of the Settings)."
    return Finding(_INVALID, "spec.aws.secretRef", "there are no credentials to sign calls with", mend)


def question(spec: UpstreamSpec, signing: Signing | None) -> Lambdas | None:
    """Who is asked which functions there are, if there are credentials for that: the control plane lends nobody its
    own. The Upstream is hosted."""
    if signing is None or spec.static is None or not isinstance(signing.credentials, Aws):
        return None
    held, scheme = signing.credentials, "https" if spec.static.use_tls else "http"
    return Lambdas(
        f"{scheme}://{signing.host}",
        signing.region,
        held.access_key,
        held.secret_key,
        held.session_token,
        signing.role_arn,
    )


def listed(spec: AwsUpstreamSpec, said: Said) -> AwsUpstreamSpec:
    """The Upstream with the functions that AWS says it has. What it calls in another way than can be, is left out."""
    if said.kind != Lambdas.kind:
        return spec
    found = msgspec.json.decode(said.data, type=list[LambdaFunctionSpec])
    known = (one for one in found if _NAME.fullmatch(one.lambda_function_name) and _QUALIFIER.fullmatch(one.qualifier))
    return msgspec.structs.replace(spec, lambda_functions=tuple(known))


def call(
    spec: AwsUpstreamSpec, options: AWSOptions, where: str, asked: AwsDestinationSpec | None
) -> LambdaCall | Finding:
    """The call that a destination means: what the Upstream overrides of it is as that says.

    Without a function the first one is meant where the Settings say so (`fallbackToFirstFunction`).
    """
    said = _overridden(asked or AwsDestinationSpec(), spec.destination_overrides)
    names = ", ".join(one.logical_name for one in spec.lambda_functions) or "none"
    if said.logical_name:
        found = next((one for one in spec.lambda_functions if one.logical_name == said.logical_name), None)
        if found is None:
            return Finding(_MISSING, where, f"the Upstream has no function {said.logical_name!r} (it has {names})")
    elif options.fallback_to_first_function and spec.lambda_functions:
        found = spec.lambda_functions[0]
    else:
        return Finding(_MISSING, where, f"names no function of the Upstream (it has {names})", "Name one of them.")
    return LambdaCall(
        name=f"{found.lambda_function_name}:{found.qualifier}" if found.qualifier else found.lambda_function_name,
        path=_path(spec, found),
        asynchronous=said.invocation_style == "ASYNC",
        event="apiGateway" if said.wrap_as_api_gateway else "request" if said.request_transformation else "",
        answer="unwrapped"
        if said.unwrap_as_alb or said.unwrap_as_api_gateway
        else "page"
        if said.response_transformation
        else "",
        original=bool(options.propagate_original_routing),
    )


def _overridden(asked: AwsDestinationSpec, overrides: AwsDestinationSpec | None) -> AwsDestinationSpec:
    if overrides is None:
        return asked
    plain = AwsDestinationSpec()
    fields = [field.name for field in msgspec.structs.fields(plain)]
    said = {name: value for name in fields if (value := getattr(overrides, name)) != getattr(plain, name)}
    return msgspec.structs.replace(asked, **said)


def _path(spec: AwsUpstreamSpec, one: LambdaFunctionSpec) -> str:
    """The path of the API's Invoke."""
    name = one.lambda_function_name
    if spec.aws_account_id and ":" not in name:
        name = f"arn:{_partition(spec.region)}:lambda:{spec.region}:{spec.aws_account_id}:function:{name}"
    qualifier = f"?Qualifier={_quoted(one.qualifier)}" if one.qualifier else ""
    return f"/2015-03-31/functions/{_quoted(name)}/invocations{qualifier}"


def _quoted(text: str) -> str:
    """Names have no other signs that a path cannot have (`faults`)."""
    return text.replace(":", "%3A").replace("$", "%24")


def _partition(region: str) -> str:
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rpartition("-")[0].rpartition("-")[0], "aws")
