"""Requests that Envoy signs for AWS on their way to an Upstream (aws_request_signing, behind the router).

The credentials stand in the cluster. Envoy takes them by SDS from nobody, and a file would be one in the clear; in the
cluster they come over the same stream as all Secrets, in fields that Envoy knows for sensitive: its `config_dump` hides
them, and so does `translate`. A cluster is made anew when they change, and no other is touched.
"""

from envoy.extensions.common.aws.v3 import credential_provider_pb2 as aws_v3
from envoy.extensions.filters.http.aws_request_signing.v3 import aws_request_signing_pb2 as signing_v3
from envoy.extensions.filters.http.upstream_codec.v3 import upstream_codec_pb2

from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family
from daemun.gloo.secrets import Aws
from daemun.gloo.upstreams.signing import WHERE, Account, Proxy, Signing

_FILTER = "envoy.filters.http.aws_request_signing"
_CODEC = "envoy.filters.http.upstream_codec"
_SESSION = "daemun"
_TOKEN = "/var/run/secrets/eks.amazonaws.com/serviceaccount/token"  # noqa: S105 - where AWS puts it, not what it is


class Signatures(Family):
    """The annotation `daemun.dev/aws-request-signing`, and functions of AWS: the last filter before the request is
    written.
    """

    serves = ()
    places = (("typedExtensionProtocolOptions", WHERE),)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """The filter in the cluster's own chain: whatever a route changes of the request is signed."""
        del spec
        signing = draft.upstream.signing
        if signing is None or draft.through:
            return
        draft.options.http_filters.add(name=_FILTER).typed_config.Pack(_filter(signing))
        draft.options.http_filters.add(name=_CODEC).typed_config.Pack(upstream_codec_pb2.UpstreamCodec())


def _filter(signing: Signing) -> signing_v3.AwsRequestSigning:
    found = signing_v3.AwsRequestSigning(service_name=signing.service, region=signing.region, host_rewrite=signing.host)
    held = found.credential_provider
    if signing.role_arn:
        held.custom_credential_provider_chain = True
        held.assume_role_credential_provider.role_arn = signing.role_arn
        held.assume_role_credential_provider.role_session_name = _SESSION
        held = held.assume_role_credential_provider.credential_provider
    _provide(signing.credentials, held)
    return found


def _provide(credentials: Aws | Proxy | Account, held: aws_v3.AwsCredentialProvider) -> None:
    if isinstance(credentials, Proxy):
        held.SetInParent()  # Envoy looks in all places that it knows
        return
    held.custom_credential_provider_chain = True  # these, and none that the machine has
    if isinstance(credentials, Account):
        web = held.assume_role_with_web_identity_provider
        web.role_arn, web.role_session_name = credentials.role_arn, _SESSION
        web.web_identity_token_data_source.filename = _TOKEN
        return
    held.inline_credential.CopyFrom(
        aws_v3.InlineCredentialProvider(
            access_key_id=credentials.access_key,
            secret_access_key=credentials.secret_key,
            session_token=credentials.session_token,
        )
    )
