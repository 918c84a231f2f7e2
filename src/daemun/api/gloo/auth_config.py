"""AuthConfig: a chain of ways to know who sends a request."""

from typing import ClassVar

from msgspec import field

from daemun.api.gloo.common import Empty, GrpcRetryPolicy, ResourceRef
from daemun.api.gloo.oauth import OAuth, OAuth2
from daemun.api.gloo.resource import GlooResource
from daemun.api.gloo.scalars import Duration, Int32, OneOf, Struct, UInt32
from daemun.api.meta import Api, List


class AuthPlugin(Api, frozen=True):
    """A plugin of Gloo's own server."""

    name: str = ""
    plugin_file_name: str = ""
    exported_symbol_name: str = ""
    config: Struct | None = None


class SaltedHashedPassword(Api, frozen=True):
    """A password, hashed."""

    salt: str = ""
    hashed_password: str = ""


class BasicAuthApr(Api, frozen=True):
    """Users with passwords hashed with APR1."""

    users: dict[str, SaltedHashedPassword] = field(default_factory=dict)


class BasicAuthEncryption(Api, frozen=True):
    """How passwords are hashed."""

    ONE_OF: ClassVar[OneOf] = (("apr", "sha1"),)

    apr: Empty | None = None
    sha1: Empty | None = None


class BasicAuthUser(Api, frozen=True):
    """A user's password, hashed."""

    salt: str = ""
    hashed_password: str = ""


class BasicAuthUserList(Api, frozen=True):
    """Users by name."""

    users: dict[str, BasicAuthUser] = field(default_factory=dict)


class BasicAuth(Api, frozen=True):
    """A name and a password."""

    realm: str = ""
    apr: BasicAuthApr | None = None
    encryption: BasicAuthEncryption | None = None
    user_list: BasicAuthUserList | None = None


class SecretRefList(Api, frozen=True):
    """Secrets."""

    secret_refs: List[ResourceRef] = ()


class HmacAuth(Api, frozen=True):
    """Requests that are signed with a secret."""

    secret_refs: SecretRefList | None = None
    parameters_in_headers: Empty | None = None


class ApiKeySecretKey(Api, frozen=True):
    """A key of the Secret that goes on in a header."""

    name: str = ""
    required: bool = False


class ApiKeyMetadataEntry(Api, frozen=True):
    """A value of an API key's metadata that goes on in a header."""

    name: str = ""
    required: bool = False


class K8sSecretApiKeyStorage(Api, frozen=True):
    """API keys in Secrets."""

    label_selector: dict[str, str] = field(default_factory=dict)
    api_key_secret_refs: List[ResourceRef] = ()


class AerospikeReadModeSc(Api, frozen=True):
    """How strongly consistent reads are."""

    ONE_OF: ClassVar[OneOf] = (
        ("read_mode_sc_session", "read_mode_sc_linearize", "read_mode_sc_replica", "read_mode_sc_allow_unavailable"),
    )

    read_mode_sc_session: UInt32 | None = None
    read_mode_sc_linearize: UInt32 | None = None
    read_mode_sc_replica: UInt32 | None = None
    read_mode_sc_allow_unavailable: UInt32 | None = None


class AerospikeReadModeAp(Api, frozen=True):
    """How available reads are."""

    ONE_OF: ClassVar[OneOf] = (("read_mode_ap_one", "read_mode_ap_all"),)

    read_mode_ap_one: UInt32 | None = None
    read_mode_ap_all: UInt32 | None = None


class AerospikeTlsCurve(Api, frozen=True):
    """A curve of TLS."""

    ONE_OF: ClassVar[OneOf] = (("curve_p256", "curve_p384", "curve_p521", "x25519"),)

    curve_p256: UInt32 | None = None
    curve_p384: UInt32 | None = None
    curve_p521: UInt32 | None = None
    x25519: UInt32 | None = None


class AerospikeApiKeyStorage(Api, frozen=True):
    """API keys in Aerospike."""

    ONE_OF: ClassVar[OneOf] = (("commit_all", "commit_master"),)

    hostname: str = ""
    namespace: str = ""
    set: str = ""
    port: Int32 = 0
    batch_size: Int32 = 0
    commit_all: UInt32 | None = None
    commit_master: UInt32 | None = None
    read_mode_sc: AerospikeReadModeSc | None = None
    read_mode_ap: AerospikeReadModeAp | None = None
    node_tls_name: str = ""
    cert_path: str = ""
    key_path: str = ""
    allow_insecure: bool = False
    root_ca_path: str = ""
    tls_version: str = ""
    tls_curve_groups: List[AerospikeTlsCurve] = ()
    label_selector: dict[str, str] = field(default_factory=dict)


class ApiKeyAuth(Api, frozen=True):
    """API keys."""

    ONE_OF: ClassVar[OneOf] = (("k8s_secret_apikey_storage", "aerospike_apikey_storage"),)

    label_selector: dict[str, str] = field(default_factory=dict)
    api_key_secret_refs: List[ResourceRef] = ()
    header_name: str = ""
    headers_from_metadata: dict[str, ApiKeySecretKey] = field(default_factory=dict)
    headers_from_metadata_entry: dict[str, ApiKeyMetadataEntry] = field(default_factory=dict)
    k8s_secret_apikey_storage: K8sSecretApiKeyStorage | None = None
    aerospike_apikey_storage: AerospikeApiKeyStorage | None = None
    skip_metadata_validation: bool = False


class OpaAuthOptions(Api, frozen=True):
    """How Open Policy Agent is asked."""

    fast_input_conversion: bool = False
    return_decision_reason: bool = False


class OpaAuth(Api, frozen=True):
    """A policy in Rego, in ConfigMaps."""

    modules: List[ResourceRef] = ()
    query: str = ""
    options: OpaAuthOptions | None = None


class OpaServerAuth(Api, frozen=True):
    """A policy on a server of Open Policy Agent."""

    package: str = ""
    rule_name: str = ""
    server_addr: str = ""
    options: OpaAuthOptions | None = None


class LdapConnectionPool(Api, frozen=True):
    """How many connections there are."""

    max_size: UInt32 | None = None
    initial_size: UInt32 | None = None


class LdapServiceAccount(Api, frozen=True):
    """Who looks up groups."""

    credentials_secret_ref: ResourceRef | None = None
    check_groups_with_service_account: bool = False


class Ldap(Api, frozen=True):
    """A name and a password in a directory."""

    address: str = ""
    user_dn_template: str = ""
    membership_attribute_name: str = ""
    allowed_groups: List[str] = ()
    pool: LdapConnectionPool | None = None
    search_filter: str = ""
    disable_group_checking: bool = False
    group_lookup_settings: LdapServiceAccount | None = None


class PassThroughGrpc(Api, frozen=True):
    """A gRPC server that is asked."""

    address: str = ""
    connection_timeout: Duration | None = None
    tls_config: Empty | None = None
    retry_policy: GrpcRetryPolicy | None = None


class PassThroughHttpRequest(Api, frozen=True):
    """What of a request the server is told."""

    allowed_headers: List[str] = ()
    headers_to_add: dict[str, str] = field(default_factory=dict)
    pass_through_state: bool = False
    pass_through_filter_metadata: bool = False
    pass_through_body: bool = False


class PassThroughHttpResponse(Api, frozen=True):
    """What of the server's answer goes on."""

    allowed_upstream_headers: List[str] = ()
    allowed_client_headers_on_denied: List[str] = ()
    read_state_from_response: bool = False
    allowed_upstream_headers_to_overwrite: List[str] = ()


class PassThroughHttp(Api, frozen=True):
    """An HTTP server that is asked."""

    url: str = ""
    request: PassThroughHttpRequest | None = None
    response: PassThroughHttpResponse | None = None
    connection_timeout: Duration | None = None


class PassThroughAuth(Api, frozen=True):
    """Another server is asked."""

    ONE_OF: ClassVar[OneOf] = (("grpc", "http"),)

    grpc: PassThroughGrpc | None = None
    http: PassThroughHttp | None = None
    config: Struct | None = None
    failure_mode_allow: bool = False


class AuthConfigEntry(Api, frozen=True):
    """One way to know who sends a request."""

    ONE_OF: ClassVar[OneOf] = (
        (
            "basic_auth",
            "oauth",
            "oauth2",
            "api_key_auth",
            "plugin_auth",
            "opa_auth",
            "ldap",
            "jwt",
            "pass_through_auth",
            "hmac_auth",
            "opa_server_auth",
        ),
    )

    name: str | None = None
    basic_auth: BasicAuth | None = None
    oauth: OAuth | None = None
    oauth2: OAuth2 | None = None
    api_key_auth: ApiKeyAuth | None = None
    plugin_auth: AuthPlugin | None = None
    opa_auth: OpaAuth | None = None
    ldap: Ldap | None = None
    jwt: Empty | None = None
    pass_through_auth: PassThroughAuth | None = None
    hmac_auth: HmacAuth | None = None
    opa_server_auth: OpaServerAuth | None = None


class AuthConfigSpec(Api, frozen=True):
    """Ways to know who sends a request: all must hold, or what `booleanExpr` says."""

    configs: List[AuthConfigEntry] = ()
    boolean_expr: str | None = None
    fail_on_redirect: bool = False


class AuthConfig(GlooResource, frozen=True):
    """How requests are authenticated."""

    spec: AuthConfigSpec = field(default_factory=AuthConfigSpec)
