"""A small synchronous client of the API server, for the harness and for tests. The product has its own."""

import base64
import http.client
import json
import ssl
import tempfile
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from .processes import ClusterError, until

Document = dict[str, Any]


class RefusedError(ClusterError):
    """The API server said no, or something that is not JSON."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status}: {text}")
        self.status = status


class Client:
    """Requests as the user of a kubeconfig. A path is the API's own, such as /api/v1/namespaces/default."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.server = urllib.parse.urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self.tls = ssl.create_default_context(cadata=authority)
        with tempfile.NamedTemporaryFile() as pem:  # the ssl module takes a client's certificate from a file only
            pem.write(base64.b64decode(user["client-certificate-data"]) + base64.b64decode(user["client-key-data"]))
            pem.flush()
            self.tls.load_cert_chain(pem.name)

    def get(self, path: str) -> Document:
        """An object, or a list of them."""
        return self.request("GET", path)

    def create(self, path: str, document: Document) -> Document:
        """An object into a collection."""
        return self.request("POST", path, document)

    def delete(self, path: str) -> None:
        """An object, or a whole collection. It is no error if there is none."""
        try:
            self.request("DELETE", path)
        except RefusedError as error:
            if error.status != http.client.NOT_FOUND:
                raise

    def merge(self, path: str, change: Document) -> Document:
        """A JSON merge patch; for status, the path ends in /status."""
        return self.request("PATCH", path, change, "application/merge-patch+json")

    def apply(self, manifests: str | Document) -> list[Document]:
        """Server-side apply of each object of a manifest, whatever its kind."""
        documents = yaml.safe_load_all(manifests) if isinstance(manifests, str) else [manifests]
        return [
            self.request(
                "PATCH", self.path(one) + "?fieldManager=tests&force=true", one, "application/apply-patch+yaml"
            )
            for one in documents
            if one
        ]

    def path(self, document: Document) -> str:
        """Where an object lives, by what the API server says of its kind."""
        version = document["apiVersion"]
        base = f"/api/{version}" if version == "v1" else f"/apis/{version}"
        for resource in self.get(base)["resources"]:
            if resource["kind"] == document["kind"] and "/" not in resource["name"]:
                namespace = document["metadata"].get("namespace", "default")
                within = f"/namespaces/{namespace}" if resource["namespaced"] else ""
                return f"{base}{within}/{resource['name']}/{document['metadata']['name']}"
        raise RefusedError(http.client.NOT_FOUND, f"the API server has no {document['kind']} in {version}")

    def watch(self, path: str, since: str, seconds: int) -> Iterator[Document]:
        """Events of a collection after a resource version, until the API server ends the watch."""
        connection = self._connection(seconds + 30)
        try:
            connection.request("GET", f"{path}?watch=true&resourceVersion={since}&timeoutSeconds={seconds}")
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()

    def ready(self) -> bool:
        """Whether the API server takes requests."""
        connection = self._connection(2)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()

    def request(self, method: str, path: str, body: Document | None = None, kind: str = "application/json") -> Document:
        """Any request; raises RefusedError unless it succeeds."""
        connection = self._connection(120)
        try:
            content = None if body is None else json.dumps(body)
            connection.request(method, path, content, {"content-type": kind, "accept": "application/json"})
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        if answer.status >= 300:
            raise RefusedError(answer.status, text)
        found: Document = json.loads(text)
        return found

    def _connection(self, seconds: float) -> http.client.HTTPSConnection:
        assert self.server.hostname is not None
        return http.client.HTTPSConnection(self.server.hostname, self.server.port, context=self.tls, timeout=seconds)


def established(client: Client, name: str, seconds: float = 30) -> bool:
    """Whether a CustomResourceDefinition gets served, so that its objects can be listed.

    The storage of a kind is made when it is first asked for. Whoever takes a CustomResourceDefinition away before that
    waits for minutes: the API server cannot list what it has to delete, and is in no hurry to try again.
    """

    def served() -> bool:
        found = client.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}")
        spec, conditions = found["spec"], found.get("status", {}).get("conditions") or []
        if not any(one["type"] == "Established" and one["status"] == "True" for one in conditions):
            return False
        try:
            for version in spec["versions"]:
                if version["served"]:
                    client.get(f"/apis/{spec['group']}/{version['name']}/{spec['names']['plural']}")
        except RefusedError:
            return False
        return True

    return until(served, seconds)
