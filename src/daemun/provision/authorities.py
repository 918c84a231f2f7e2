"""Where this machine keeps the CA certificates that it trusts, for proxies that run on it."""

from pathlib import Path

_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Alpine, Arch
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",  # older RHEL
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # BSD and some small ones
)


def find() -> str:
    """The file, in PEM; empty if there is none."""
    return next((file for file in _FILES if Path(file).is_file()), "")
