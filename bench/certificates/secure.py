"""Hosts with a certificate each: manifests of any number of HTTPS listeners, and clients that trust them."""

import asyncio
import base64
import contextlib
import datetime
import ssl
import time
from collections.abc import Iterator
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.tools.worlds import GATEWAY, Document

Pair = tuple[bytes, bytes]
"""A certificate and its key, in PEM."""
_IN_A_SET = 50
_DAY = datetime.timedelta(days=1)


def issue(host: str) -> Pair:
    """A certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - _DAY).not_valid_after(now + _DAY)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
    return certificate, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def secret(number: int, pair: Pair) -> Document:
    """The Secret `c<number>`."""
    data = {name: base64.b64encode(value).decode() for name, value in zip(("tls.crt", "tls.key"), pair, strict=True)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": _meta(f"c{number}"), "type": "t", "data": data}


def listeners(port: int, hosts: list[str]) -> Iterator[Document]:
    """A Gateway, and ListenerSets with a listener for each host."""
    plain = {"name": "first", "port": port, "protocol": "HTTPS", "hostname": "first.example.com"}
    plain["tls"] = {"certificateRefs": [{"name": "c0"}]}  # type: ignore[assignment]
    spec = {
        "gatewayClassName": "daemun",
        "listeners": [plain],
        "allowedListeners": {"namespaces": {"from": "Same"}},
    }
    yield {"apiVersion": GATEWAY, "kind": "Gateway", "metadata": _meta("gate"), "spec": spec}
    for first in range(0, len(hosts), _IN_A_SET):
        found = [
            {
                "name": f"h{at}",
                "port": port,
                "protocol": "HTTPS",
                "hostname": host,
                "tls": {"certificateRefs": [{"name": f"c{at}"}]},
            }
            for at, host in enumerate(hosts[first : first + _IN_A_SET], first)
        ]
        yield {
            "apiVersion": GATEWAY,
            "kind": "ListenerSet",
            "metadata": _meta(f"set-{first}"),
            "spec": {"parentRef": {"name": "gate"}, "listeners": found},
        }


def _meta(name: str) -> Document:
    return {"name": name, "namespace": "bench"}


@cache
def client() -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def until_shown(
    port: int, host: str, certificate: bytes = b"", pause: float = 0.002, patience: float = 300
) -> float:
    """The time of the first handshake with this certificate (in DER), or any."""
    deadline = time.perf_counter() + patience
    while not (found := await handshake(port, host)) or (certificate and found != certificate):
        if time.perf_counter() > deadline:
            raise TimeoutError(f"no such handshake for {host}")
        await asyncio.sleep(pause)
    return time.perf_counter()


async def handshake(port: int, host: str) -> bytes:
    """The certificate that a handshake is answered with; empty if it fails."""
    with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
        async with asyncio.timeout(5):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client(), server_hostname=host)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return bytes(shown)
    return b""
