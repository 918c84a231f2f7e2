"""TLS with an API server: who vouches for it, and the certificate that we show."""

import base64
import ssl
import tempfile

from daemun.kube.errors import KubeError
from daemun.kube.kubeconfig import Cluster, User


def context(cluster: Cluster, user: User) -> ssl.SSLContext:
    """For connections to this cluster as this user. Raises KubeError, OSError (ssl's too) or ValueError."""
    if cluster.certificate_authority_data:
        found = ssl.create_default_context(cadata=_decoded(cluster.certificate_authority_data).decode())
    elif cluster.certificate_authority:
        found = ssl.create_default_context(cafile=cluster.certificate_authority)
    else:
        found = ssl.create_default_context()
        if cluster.insecure_skip_tls_verify:  # with authorities that would be two minds
            found.check_hostname = False
            found.verify_mode = ssl.CERT_NONE
    if user.client_certificate or user.client_certificate_data:
        _show(found, user)
    return found


def _show(context: ssl.SSLContext, user: User) -> None:
    """Show the user's certificate. What is given as data has to be in a file, which is gone again afterwards."""
    if not (user.client_key or user.client_key_data):
        raise KubeError("the user has a client certificate and no key of it")
    with tempfile.NamedTemporaryFile() as certificate, tempfile.NamedTemporaryFile() as key:
        files = []
        for data, path, file in (
            (user.client_certificate_data, user.client_certificate, certificate),
            (user.client_key_data, user.client_key, key),
        ):
            file.write(_decoded(data))
            file.flush()
            files.append(file.name if data else path)
        context.load_cert_chain(*files)


def _decoded(data: str) -> bytes:
    """Base64, which may be on several lines."""
    return base64.b64decode("".join(data.split()), validate=True)
