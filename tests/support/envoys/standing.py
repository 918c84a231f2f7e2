"""A real Envoy with a configuration that stands, without any control plane."""

import http.client
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from daemun.provision.binary import find

_PATIENCE_SECONDS = 60


class StandingEnvoy:
    """Envoy, started with a bootstrap, and a connection to the port that it listens on. `close` it."""

    def __init__(self, bootstrap: dict[str, Any], port: int) -> None:
        self._folder = tempfile.TemporaryDirectory()
        config = Path(self._folder.name) / "envoy.json"
        config.write_text(json.dumps(bootstrap))
        options = ["--disable-hot-restart", "--concurrency", "1", "--log-level", "error"]
        self._process = subprocess.Popen([str(find()), "-c", str(config), *options])
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            self._connect()
        except AssertionError:
            self.close()
            raise

    def _connect(self) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                self.connection.connect()
            except OSError:
                assert self._process.poll() is None, "Envoy does not take the configuration"
                assert time.monotonic() < deadline, "Envoy does not listen"
                time.sleep(0.02)
            else:
                return

    def close(self) -> None:
        """End it."""
        self.connection.close()
        self._process.terminate()
        self._process.wait(30)
        self._folder.cleanup()
