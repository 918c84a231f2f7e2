"""TLS of listeners and Upstreams."""

from typing import ClassVar, Literal, TypeAlias

from daemun.api.gloo.common import ResourceRef
from daemun.api.gloo.scalars import Duration, OneOf
from daemun.api.meta import Api, List

ProtocolVersion: TypeAlias = Literal["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"]
OcspStaplePolicy: TypeAlias = Literal["LENIENT_STAPLING", "STRICT_STAPLING", "MUST_STAPLE"]


class SSLFiles(Api, frozen=True):
    """Certificates and keys in files on the proxy's machine."""

    tls_cert: str = ""
    tls_key: str = ""
    root_ca: str = ""
    ocsp_staple: str = ""


class FileCredentialSource(Api, frozen=True):
    """A token in a file, and the header that it is sent in."""

    token_file_name: str = ""
    header: str = ""


class CallCredentials(Api, frozen=True):
    """How a proxy proves to an SDS server who it is."""

    file_credential_source: FileCredentialSource | None = None


class SDSConfig(Api, frozen=True):
    """Certificates from an SDS server."""

    ONE_OF: ClassVar[OneOf] = (("call_credentials", "cluster_name"),)

    target_uri: str = ""
    call_credentials: CallCredentials | None = None
    cluster_name: str | None = None
    certificates_secret_name: str = ""
    validation_context_name: str = ""


class SslParameters(Api, frozen=True):
    """Bounds on what TLS may be: versions, ciphers, curves."""

    minimum_protocol_version: ProtocolVersion = "TLS_AUTO"
    maximum_protocol_version: ProtocolVersion = "TLS_AUTO"
    cipher_suites: List[str] = ()
    ecdh_curves: List[str] = ()


class SslConfig(Api, frozen=True):
    """TLS that a listener ends."""

    ONE_OF: ClassVar[OneOf] = (("secret_ref", "ssl_files", "sds"),)

    secret_ref: ResourceRef | None = None
    ssl_files: SSLFiles | None = None
    sds: SDSConfig | None = None
    sni_domains: List[str] = ()
    verify_subject_alt_name: List[str] = ()
    parameters: SslParameters | None = None
    alpn_protocols: List[str] = ()
    one_way_tls: bool | None = None
    disable_tls_session_resumption: bool | None = None
    transport_socket_connect_timeout: Duration | None = None
    ocsp_staple_policy: OcspStaplePolicy = "LENIENT_STAPLING"


class UpstreamSslConfig(Api, frozen=True):
    """TLS to an Upstream."""

    ONE_OF: ClassVar[OneOf] = (("secret_ref", "ssl_files", "sds"),)

    secret_ref: ResourceRef | None = None
    ssl_files: SSLFiles | None = None
    sds: SDSConfig | None = None
    sni: str = ""
    verify_subject_alt_name: List[str] = ()
    parameters: SslParameters | None = None
    alpn_protocols: List[str] = ()
    allow_renegotiation: bool | None = None
    one_way_tls: bool | None = None
