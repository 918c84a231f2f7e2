"""`daemun get --watch` on files that change."""

import signal
import subprocess
import sys
from pathlib import Path

_GATE = """
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {{name: {name}}}
spec: {{gatewayClassName: daemun, listeners: [{{name: http, port: {port}, protocol: HTTP}}]}}
"""


def test_each_change_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(_GATE.format(name="a", port=8001))
    words = [sys.executable, "-m", "daemun", "get", "gateways", "-f", str(tmp_path), "--watch"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("KIND\t")
            assert process.stdout.readline().split("\t")[1] == "default/a"
            (tmp_path / "b.yaml").write_text(_GATE.format(name="b", port=8002))
            assert process.stdout.readline().split("\t")[1] == "default/b"
            (tmp_path / "a.yaml").write_text(_GATE.format(name="a", port=8003))
            assert "8003" in process.stdout.readline()
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stdout.read() == ""
