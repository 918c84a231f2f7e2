"""A real directory (OpenLDAP's slapd) for one test: its own folder, port and process."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Self

import pytest

from support.objects.certificates import Pair
from support.scenes.world import until
from support.servers.ports import free_port

BASE = "dc=example,dc=com"
PEOPLE = f"ou=people,{BASE}"
MANAGERS = f"cn=managers,ou=groups,{BASE}"
ACCOUNT = f"cn=reader,{BASE}"
SLAPD = shutil.which("slapd") or "/usr/sbin/slapd"

_CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload memberof
pidfile {folder}/pid
disallow bind_anon
database mdb
suffix "{base}"
rootdn "cn=admin,{base}"
rootpw admin
directory {folder}/data
maxsize 10485760
overlay memberof
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="{people}" by dn.exact="{account}" read by {others}
access to * by users read
"""


def needed() -> None:
    """Say that there is none; where everything must be tested that is a failure."""
    if not Path(SLAPD).exists():
        said = "slapd is not installed: apt-get install slapd"
        if os.environ.get("DAEMUN_CLUSTER") == "required":
            pytest.fail(said)
        pytest.skip(said)


class Slapd:
    """Users with passwords, and the group of managers.

    `shy`: users may not read their own entries. With a `pair` it talks TLS (ldaps).
    """

    def __init__(self, folder: Path, *, shy: bool = False, pair: Pair | None = None, host: str = "localhost") -> None:
        self._host = host
        self._folder = folder
        self._pair = pair
        self._others = "self auth by * auth" if shy else "self read by * auth"
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """Where it is asked."""
        return f"{'ldaps' if self._pair else 'ldap'}://{self._host}:{self.port}"

    def fill(self, users: dict[str, str], managers: tuple[str, ...], group: str = MANAGERS) -> None:
        """Make it, with these in it; the managers are the members of a group, by its name."""
        (self._folder / "data").mkdir()
        config = _CONFIG.format(folder=self._folder, base=BASE, people=PEOPLE, account=ACCOUNT, others=self._others)
        if self._pair:
            for name, pem in zip(("cert", "key"), self._pair, strict=True):
                (self._folder / name).write_bytes(pem)
            tls = f"TLSCertificateFile {self._folder}/cert\nTLSCertificateKeyFile {self._folder}/key\n"
            config = config.replace("database mdb", f"{tls}database mdb")
        (self._folder / "slapd.conf").write_text(config)
        reader = "objectClass: organizationalRole\nobjectClass: simpleSecurityObject\ncn: reader\nuserPassword: reader"
        entries = [
            f"dn: {BASE}\nobjectClass: domain\ndc: example",
            f"dn: {PEOPLE}\nobjectClass: organizationalUnit\nou: people",
            f"dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups",
            f"dn: {ACCOUNT}\n{reader}",
        ]
        for name, password in users.items():
            member = f"memberOf: {group}\n" if name in managers else ""
            entries.append(
                f"dn: uid={name},{PEOPLE}\nobjectClass: inetOrgPerson\nuid: {name}\ncn: {name}\nsn: {name}\n{member}"
                f"userPassword: {password}"
            )
        members = "".join(f"\nmember: uid={name},{PEOPLE}" for name in managers)
        entries.append(f"dn: {group}\nobjectClass: groupOfNames{members}")
        file = self._folder / "entries.ldif"
        file.write_text("\n\n".join(entries) + "\n")
        slapadd = shutil.which("slapadd") or "/usr/sbin/slapadd"
        subprocess.run(
            [slapadd, "-f", self._folder / "slapd.conf", "-l", file], check=True, capture_output=True, text=True
        )

    @property
    def command(self) -> list[str]:
        """What runs it."""
        return [SLAPD, "-d", "0", "-f", str(self._folder / "slapd.conf"), "-h", self.address]

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await until(self._listens)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True
