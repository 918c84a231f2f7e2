"""Gloo's sslFiles and sds: certificates that Envoy gets elsewhere than from a Secret."""

from collections.abc import Iterator

from daemun.api.gloo.ssl import SDSConfig, SSLFiles
from daemun.ir.tls import Files, SecretServer

Fault = tuple[str, str, str]
"""The field, what is wrong with it, and the mend."""


def source_of(files: SSLFiles | None, sds: SDSConfig | None) -> Files | SecretServer | None:
    """Where they come from, if either is named."""
    if files is not None:
        return Files(files.tls_cert, files.tls_key, files.root_ca, files.ocsp_staple)
    if sds is None:
        return None
    token = sds.call_credentials.file_credential_source if sds.call_credentials is not None else None
    return SecretServer(
        sds.target_uri,
        sds.certificates_secret_name,
        sds.validation_context_name,
        token.token_file_name if token is not None else "",
        token.header if token is not None else "",
    )


def faults(files: SSLFiles | None, sds: SDSConfig | None, where: str) -> Iterator[Fault]:
    """What is wrong with either; `where` is the sslConfig."""
    if files is not None and bool(files.tls_cert) != bool(files.tls_key):
        yield f"{where}.sslFiles", "a certificate needs its key, and a key its certificate", "Give both, or neither."
    if sds is not None:
        yield from _sds_faults(f"{where}.sds", sds)


def _sds_faults(where: str, sds: SDSConfig) -> Iterator[Fault]:
    if not sds.target_uri:
        yield f"{where}.targetUri", "is missing", "Give the address of the SDS server."
    if not sds.certificates_secret_name and not sds.validation_context_name:
        yield where, "names nothing to ask for", "Give certificatesSecretName or validationContextName."
    if sds.call_credentials is not None and not sds.target_uri.startswith("unix:"):
        text = "a token is sent over a Unix socket only: gRPC takes nothing else for safe enough"
        yield f"{where}.callCredentials", text, "Give a targetUri of unix:, or remove this."
