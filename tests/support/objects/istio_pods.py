"""Pods in a mesh of Istio's and what tells of them, as manifests; and Settings by which they are found."""

from support.objects.documents import Doc


def settings(**options: bool) -> Doc:
    return {
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Settings",
        "metadata": {"name": "default", "namespace": "gloo-system"},
        "spec": {"gloo": {"istioOptions": options}},
    }


def pod(name: str, mode: str = "") -> Doc:
    labels = {"security.istio.io/tlsMode": mode} if mode else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels},
        "spec": {"containers": [{"name": "main", "image": "example"}]},
    }


def slice_(service: str, port: int, of: str) -> Doc:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service}-{of}",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": service},
        },
        "addressType": "IPv4",
        "ports": [{"name": "main", "port": port, "protocol": "TCP"}],
        "endpoints": [{"addresses": ["127.0.0.1"], "targetRef": {"kind": "Pod", "name": of}}],
    }


def service(name: str) -> Doc:
    ports = [{"name": "main", "port": 80}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"ports": ports},
    }
