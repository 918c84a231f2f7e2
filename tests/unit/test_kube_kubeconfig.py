"""Which API server is meant, and who we are to it."""

from pathlib import Path

import pytest

from daemun.kube import kubeconfig
from daemun.kube.client import KubeClient
from daemun.kube.errors import KubeError
from daemun.kube.kubeconfig import access

CONFIG = """
apiVersion: v1
kind: Config
preferences: {}
clusters:
- name: one
  cluster: {server: https://one.example:6443/k8s/clusters/c-1, certificate-authority: pki/ca.crt, extensions: []}
- name: two
  cluster: {server: https://two.example, certificate-authority-data: null}
users:
- name: me
  user: {client-certificate: /etc/me.crt, client-key: me.key, tokenFile: token}
- name: plugged
  user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, args: null, env: [{name: A, value: b}]}}
- name: nobody
  user: null
contexts:
- name: first
  context: {cluster: one, user: me, namespace: mine}
- name: second
  context: {cluster: two, user: plugged, namespace: null}
- name: third
  context: {cluster: two, user: nobody}
- name: fourth
  context: {cluster: two}
- name: astray
  context: {cluster: two, user: absent}
- name: lost
  context: {cluster: absent}
current-context: first
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "config"
    path.write_text(CONFIG)
    return path


def test_files_are_named_as_seen_from_the_kubeconfig(written: Path) -> None:
    cluster, user, namespace = access(kubeconfig=written)
    assert (cluster.server, namespace) == ("https://one.example:6443/k8s/clusters/c-1", "mine")
    assert cluster.certificate_authority == str(written.parent / "pki/ca.crt")
    assert (user.client_certificate, user.client_key) == ("/etc/me.crt", str(written.parent / "me.key"))
    assert user.token_file == str(written.parent / "token")


def test_a_context_may_be_named_and_what_is_null_is_not_there(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(written))
    cluster, user, namespace = access("second")
    assert (cluster.server, cluster.certificate_authority_data, namespace) == ("https://two.example", "", "default")
    assert user.exec is not None
    assert (user.exec.command, user.exec.args, user.exec.env[0].value) == ("aws", (), "b")
    assert access("third").user == access("fourth").user == kubeconfig.User()


@pytest.mark.parametrize(
    ("context", "why"), [("absent", "no context absent"), ("astray", "no user absent"), ("lost", "no cluster absent")]
)
def test_what_is_not_there_is_told(written: Path, context: str, why: str) -> None:
    with pytest.raises(KubeError, match=f"the cluster cannot be reached: there is {why}"):
        KubeClient.connect(context, written)


@pytest.mark.parametrize(
    "text",
    [
        "[", "", "clusters: 1", CONFIG.replace("current-context: first", ""), CONFIG.replace("https://one", "ftp://one"),
        CONFIG.replace("current-context: first", "current-context: second").replace("io/v1,", "io/v9,"),
        CONFIG.replace("https://two.example", "https://two.example, proxy-url: socks5://x")
        .replace("current-context: first", "current-context: fourth"),
        CONFIG.replace("https://two.example", "https://[, x: y").replace("context: first", "context: fourth"),
        CONFIG.replace("-data: null", "-data: '%%'").replace("context: first", "context: fourth"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_one_error(written: Path, text: str) -> None:
    written.write_text(text)
    with pytest.raises(KubeError, match="the cluster cannot be reached"):
        KubeClient.connect(kubeconfig=written)


def test_a_pod_uses_its_account_unless_a_context_is_named(
    written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = tmp_path / "account"
    account.mkdir()
    for name, text in (("token", "t"), ("namespace", "here\n"), ("ca.crt", "")):
        (account / name).write_text(text)
    monkeypatch.setattr(kubeconfig, "SERVICE_ACCOUNT", account)
    monkeypatch.setenv("KUBECONFIG", str(written))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(KubeError, match="KUBERNETES_SERVICE_HOST"):
        access()
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for host, server in (("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")):
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        cluster, user, namespace = access()
        assert (cluster.server, user.token_file, namespace) == (server, str(account / "token"), "here")
        assert cluster.certificate_authority == str(account / "ca.crt")
    assert access("first").namespace == "mine"
