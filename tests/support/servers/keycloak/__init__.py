"""A real Keycloak, from Maven's repository, made ready once in the user's cache and started for the tests that need it.

It is Java: without Maven or Java such tests are skipped, and say so; with DAEMUN_CLUSTER=required they fail.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from support.servers.ports import free_port

VERSION = "26.4.0"
_ARTIFACT = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:2.8"
_JAVA = {"JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx400m", "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1"}
_BUILT = ("--db=dev-mem", "--health-enabled=false")


class Keycloak:
    """A server with the realm `lab`: clients `gate`, `public`, `signing`, and a user `ada` with password `engine`."""

    user, password = "ada", "engine"

    def __init__(self, home: Path, folder: Path, keys: str) -> None:
        self._home = home
        self._folder = folder
        self._keys = keys
        self._process: asyncio.subprocess.Process | None = None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = f"{self.url}/realms/lab"

    async def start(self) -> None:
        """Start it, and wait until the realm is there."""
        home = self._folder / "keycloak"
        if not home.exists():
            shutil.copytree(self._home, home)
            (home / "data" / "import").mkdir(parents=True, exist_ok=True)
            (home / "data" / "import" / "lab-realm.json").write_text(json.dumps(_realm(self._keys)))
        log = (self._folder / "keycloak.log").open("ab")
        options = ["--optimized", "--import-realm", "--http-enabled=true", "--http-host=127.0.0.1"]
        options += ["--cache=local", f"--http-port={self.port}", f"--hostname={self.url}"]
        self._process = await asyncio.create_subprocess_exec(
            home / "bin" / "kc.sh",
            "start",
            *options,
            env={**os.environ, **_JAVA},
            stdout=log,
            stderr=log,
            start_new_session=True,  # the script is one process, Java another
        )
        log.close()
        async with aiohttp.ClientSession() as session, asyncio.timeout(240):
            while True:
                assert self._process.returncode is None, (self._folder / "keycloak.log").read_text()[-4000:]
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.issuer}/.well-known/openid-configuration") as response:
                        if response.status == 200:
                            return
                await asyncio.sleep(0.2)

    def signal(self, number: int) -> bool:
        """Send a signal to all of its processes; whether there are any."""
        if self._process is None:
            return False
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return False
        return True

    async def stop(self) -> None:
        """End it, by its process group."""
        if self._process is None:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        await self._process.wait()
        for _ in range(300):
            if not self.signal(0):
                return
            await asyncio.sleep(0.1)
        self.signal(signal.SIGKILL)

    async def tokens(self, **form: str) -> dict[str, Any]:
        """Tokens of a client that has a secret, without a browser."""
        asked = {"client_id": "gate", "client_secret": "gate-secret", "grant_type": "client_credentials", **form}
        url = f"{self.issuer}/protocol/openid-connect/token"
        async with aiohttp.ClientSession() as session, session.post(url, data=asked) as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json()
            return found


@contextlib.asynccontextmanager
async def keycloak(folder: Path, keys: str = '{"keys": []}') -> AsyncIterator[Keycloak]:
    """A server. `keys` is the set with which the client `signing` signs."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if missing:
        text = f"{' and '.join(missing)} missing: apt-get install default-jre-headless maven"
        if os.environ.get("DAEMUN_CLUSTER") == "required":
            pytest.fail(text)
        pytest.skip(text)
    server = Keycloak(ready(), folder, keys)
    try:
        await server.start()
        yield server
    finally:
        await server.stop()


def _realm(keys: str) -> Any:
    """The realm. Its user has so many roles that no cookie holds the tokens."""
    realm = json.loads((Path(__file__).parent / "realm.json").read_text())
    roles = [f"reader-of-department-{number}" for number in range(120)]
    realm["roles"] = {"realm": [{"name": name} for name in roles]}
    realm["users"][0]["realmRoles"] = roles
    signing = next(one for one in realm["clients"] if one["clientId"] == "signing")
    signing["attributes"]["jwks.string"] = keys
    return realm


def ready() -> Path:
    """Keycloak's folder, fetched and built for its database and cache if it is not there yet: a minute or two."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "daemun-tests"
    home = cache / f"keycloak-{VERSION}"
    if not home.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _alone(cache / "keycloak.lock"):
            if not home.exists():
                _make(home)
    return home


def _make(home: Path) -> None:
    draft = home.with_name("keycloak-draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    _run("mvn", "--batch-mode", "--quiet", f"{_PLUGIN}:get", f"-Dartifact={_ARTIFACT}", "-Dtransitive=false")
    _run("mvn", "--batch-mode", "--quiet", f"{_PLUGIN}:copy", f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={draft}")
    archive = draft / f"keycloak-quarkus-dist-{VERSION}.zip"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(draft)
    built = draft / f"keycloak-{VERSION}"
    (built / "bin" / "kc.sh").chmod(0o755)
    _run(str(built / "bin" / "kc.sh"), "build", *_BUILT)
    built.rename(home)
    shutil.rmtree(draft)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **_JAVA})
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
