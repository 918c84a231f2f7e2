"""Mistakes that are typical of certificates and TLS: each is told once, where it was made, and nothing is left open."""

from pathlib import Path

import pytest

from support.objects.certificates import authority
from support.objects.mistakes import OPEN, REFUSED, Mistake, check, manifest, option, secret

CA = authority()
ONE, OTHER, OLD = CA.issue("a.example"), CA.issue("a.example"), CA.issue("a.example", days=(-3, -1))
_GATEWAY, _POLICY, _UPSTREAM = "Gateway default/gate", "BackendTLSPolicy default/p", "Upstream default/up"
_REF = "spec.listeners[0].tls.certificateRefs[0]"
_CONFIG_MAP = '{group: "", kind: ConfigMap, name: ca}'


def gateway(tls: str = "certificateRefs: [{name: cert}]", more: str = "{}") -> str:
    listeners = f"listeners: [{{name: https, port: 443, protocol: HTTPS, tls: {{{tls}}}}}]"
    return manifest(
        "gateway.networking.k8s.io/v1", "Gateway", "gate", f"gatewayClassName: daemun\ntls: {more}\n{listeners}"
    )


def pair(certificate: bytes, key: bytes) -> str:
    return secret("cert", "kubernetes.io/tls", {"tls.crt": certificate, "tls.key": key})


def options(name: str, value: str) -> str:
    return gateway(f'certificateRefs: [{{name: cert}}], options: {{daemun.dev/{name}: "{value}"}}') + pair(*ONE)


def validated(validation: str, target: str = 'group: "", kind: Service, name: a') -> str:
    spec = f"targetRefs: [{{{target}}}]\nvalidation: {{{validation}}}"
    return manifest("gateway.networking.k8s.io/v1", "BackendTLSPolicy", "p", spec)


def authorities(**data: str) -> str:
    keys = ", ".join(f"{name.replace('_', '.')}: {value}" for name, value in data.items())
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca}}\ndata: {{{keys}}}\n---\n"


def upstream(ssl: str) -> str:
    """An Upstream, and a route to it."""
    rule = "rules: [{backendRefs: [{group: gloo.solo.io, kind: Upstream, name: up}]}]"
    route = manifest(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        "to-up",
        f"parentRefs: [{{name: gate}}]\nhostnames: [a.example]\n{rule}",
    )
    spec = f"static: {{hosts: [{{addr: 127.0.0.1, port: 9000}}]}}\nsslConfig: {{{ssl}}}"
    return route + manifest("gloo.solo.io/v1", "Upstream", "up", spec)


LISTENERS = {
    "no Secret": Mistake(gateway(), _GATEWAY, _REF, "Secret default/cert does not exist", REFUSED),
    "a Secret elsewhere": Mistake(
        gateway("certificateRefs: [{name: cert, namespace: other}]"),
        _GATEWAY,
        _REF,
        "Write a ReferenceGrant in namespace other from Gateway of namespace default to Secret cert.",
        REFUSED,
    ),
    "no Secret but a ConfigMap": Mistake(
        gateway("certificateRefs: [{kind: ConfigMap, name: cert}]"), _GATEWAY, _REF, "Name a Secret.", REFUSED
    ),
    "no key": Mistake(
        gateway() + secret("cert", "kubernetes.io/tls", {"tls.crt": ONE[0]}),
        _GATEWAY,
        _REF,
        "Secret default/cert cannot be served: it has no tls.key",
        REFUSED,
    ),
    "a key that is not its": Mistake(
        gateway() + pair(ONE[0], OTHER[1]), _GATEWAY, _REF, "tls.key is not the key of tls.crt", REFUSED
    ),
    "PEM that is damaged": Mistake(
        gateway() + pair(ONE[0].replace(b"MII", b"!!!", 1), ONE[1]),
        _GATEWAY,
        _REF,
        "tls.crt is not a PEM certificate",
        REFUSED,
    ),
    "no base64": Mistake(
        gateway() + pair(*ONE).replace("stringData", "data"),
        "Secret default/cert",
        "data[tls.crt]",
        "invalid base64 encoded string. Encode it with base64",
        REFUSED,
    ),
    "past its time": Mistake(
        gateway() + pair(*OLD), _GATEWAY, _REF, "tls.crt of Secret default/cert has expired on", OPEN
    ),
    "a version that there is not": Mistake(
        options("min-version", "1.4"),
        _GATEWAY,
        "spec.listeners[0].tls.options[daemun.dev/min-version]",
        "'1.4' is not known. Use TLSv1_0",
        REFUSED,
    ),
    "an option that there is not": Mistake(
        options("min-verson", "1.2"),
        _GATEWAY,
        "spec.listeners[0].tls.options",
        "option daemun.dev/min-verson is not known. After daemun.dev/ use alpn",
        REFUSED,
    ),
    "a cipher that there is not": Mistake(
        options("cipher-suites", "RC4"),
        _GATEWAY,
        "spec.listeners[0].tls.options[daemun.dev/cipher-suites]",
        "none is known: 'RC4'. Use ",
        REFUSED,
    ),
    "a mode in another case": Mistake(
        gateway("mode: terminate"), _GATEWAY, "spec.listeners[0].tls.mode", "Did you mean 'Terminate'?", REFUSED
    ),
    "no certificate": Mistake(
        gateway("mode: Terminate"),
        _GATEWAY,
        "spec.listeners[0].tls.certificateRefs",
        "must be given when mode",
        REFUSED,
    ),
    "nobody to trust": Mistake(
        gateway(more=f"{{frontend: {{default: {{validation: {{caCertificateRefs: [{_CONFIG_MAP}]}}}}}}}}") + pair(*ONE),
        _GATEWAY,
        "spec.tls.frontend.default.validation.caCertificateRefs[0]",
        "ConfigMap default/ca does not exist",
        REFUSED,
    ),
}
BACKENDS = {
    "nobody to trust": Mistake(
        validated(f"hostname: a.test, caCertificateRefs: [{_CONFIG_MAP}]"),
        _POLICY,
        "spec.validation.caCertificateRefs[0]",
        "ConfigMap default/ca does not exist",
    ),
    "another key": Mistake(
        validated(f"hostname: a.test, caCertificateRefs: [{_CONFIG_MAP}]") + authorities(ca_pem="x"),
        _POLICY,
        "spec.validation.caCertificateRefs[0]",
        "ConfigMap default/ca has no ca.crt",
    ),
    "no PEM": Mistake(
        validated(f"hostname: a.test, caCertificateRefs: [{_CONFIG_MAP}]") + authorities(ca_crt="x"),
        _POLICY,
        "spec.validation.caCertificateRefs[0]",
        "ca.crt of ConfigMap default/ca holds no PEM certificates, or a broken one",
    ),
    "no hostname": Mistake(
        validated(f"caCertificateRefs: [{_CONFIG_MAP}]"),
        _POLICY,
        "spec.validation",
        "missing required field 'hostname'. Give it hostname.",
    ),
    "what is well known": Mistake(
        validated("hostname: a.test, wellKnownCACertificates: system"),
        _POLICY,
        "spec.validation.wellKnownCACertificates",
        "names no set of CA certificates (it is 'system'). Use System.",
    ),
    "a Service that there is not": Mistake(
        validated("hostname: a.test, wellKnownCACertificates: System", 'group: "", kind: Service, name: b'),
        _POLICY,
        "spec.targetRefs[0]",
        "Service default/b does not exist",
        OPEN,
    ),
    "a port that there is not": Mistake(
        validated(
            "hostname: a.test, wellKnownCACertificates: System", 'group: "", kind: Service, name: a, sectionName: x'
        ),
        _POLICY,
        "spec.targetRefs[0].sectionName",
        "Service default/a has no port named x",
        OPEN,
    ),
    "no Secret of an Upstream": Mistake(
        upstream("secretRef: {name: nowhere, namespace: default}"),
        _UPSTREAM,
        "spec.sslConfig.secretRef",
        "Secret default/nowhere does not exist",
    ),
    "a version of an Upstream": Mistake(
        upstream("parameters: {minimumProtocolVersion: TLS1.2}"),
        _UPSTREAM,
        "spec.sslConfig.parameters.minimumProtocolVersion",
        "(it is 'TLS1.2'). Did you mean 'TLSv1_2'?",
    ),
    "no Secret of a header": Mistake(
        option("headerManipulation: {requestHeadersToAdd: [{headerSecretRef: {name: nowhere, namespace: default}}]}"),
        "RouteOption default/o",
        "spec.options.headerManipulation.requestHeadersToAdd[0].headerSecretRef",
        "Secret default/nowhere does not exist",
    ),
}
ALL = {"LISTENERS": LISTENERS, "BACKENDS": BACKENDS}


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, all_of in ALL.items() for name in all_of])
def test_what_is_told(tmp_path: Path, group: str, name: str) -> None:
    check(tmp_path, ALL[group][name])
