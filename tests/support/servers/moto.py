"""AWS on loopback: moto's server, a process of its own, spoken to over HTTP. botocore puts into it what there is."""

import asyncio
import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import botocore.session

from support.scenes.world import until
from support.servers.ports import free_port

REGION = "eu-central-1"
ROLE = "arn:aws:iam::123456789012:role/reader"
KEYS = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "of-the-operator"}


class Moto:
    """Machines of EC2, functions of Lambda that answer with what they get, and roles that anybody can take on."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: dict[str, Any] = {}
        self._record = Path()

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> Self:
        """Begin to answer; with nothing in it, after `stop` too."""
        command = (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))
        self._record = Path(tempfile.mkdtemp()) / "record"
        recording = {"MOTO_ENABLE_RECORDING": "1", "MOTO_RECORDER_FILEPATH": str(self._record)}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, env={**os.environ, **recording}, **quiet)  # noqa: ASYNC220 - soon done

        async def answers() -> bool:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()
            return True

        await until(answers)
        return self

    async def stop(self) -> None:
        """End."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None
            shutil.rmtree(self._record.parent)
        for client in self._clients.values():
            client.close()
        self._clients = {}

    def asked(self) -> list[tuple[str, str]]:
        """The actions that Daemun asked for, and by which key; empty without a signature."""
        entries = [json.loads(line) for line in self._record.read_text().splitlines()]
        ours = [one for one in entries if one["headers"].get("User-Agent") == "daemun"]
        return [
            (
                parse_qs(base64.b64decode(one["body"]).decode())["Action"][0],
                one["headers"].get("Authorization", "").partition("Credential=")[2].partition("/")[0],
            )
            for one in ours
        ]

    async def run(self, address: str, **tags: str) -> str:
        """A machine that runs at this private address, with these tags; its id."""
        spec = [{"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}]
        interface = [{"DeviceIndex": 0, "PrivateIpAddress": address}]
        found = await self._ec2(
            "run_instances",
            ImageId="ami-12c6146b",
            MinCount=1,
            MaxCount=1,
            NetworkInterfaces=interface,
            TagSpecifications=spec,
        )
        return str(found["Instances"][0]["InstanceId"])

    async def halt(self, *ids: str) -> None:
        """Stop machines."""
        await self._ec2("stop_instances", InstanceIds=list(ids))

    async def terminate(self, *ids: str) -> None:
        """Have machines no more."""
        await self._ec2("terminate_instances", InstanceIds=list(ids))

    async def function(self, name: str, *, publish: bool = False) -> None:
        """A function, published as version 1 or not."""
        await asyncio.to_thread(self._function, name, publish)

    async def forget_function(self, name: str) -> None:
        """Have a function no more."""
        await asyncio.to_thread(lambda: self._made("lambda").delete_function(FunctionName=name))

    def _function(self, name: str, publish: bool) -> None:
        if "lambda" not in self._clients:
            # Without Docker: then functions are not run, and answer with what they get.
            body = json.dumps({"lambda": {"use_docker": False}}).encode()
            urllib.request.urlopen(f"{self.address}/moto-api/config", body).close()  # noqa: S310 - our own
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("a.py", "")
        iam = self._made("iam")
        if not iam.list_roles()["Roles"]:
            iam.create_role(RoleName=ROLE.rpartition("/")[2], AssumeRolePolicyDocument="{}")
        self._made("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=ROLE,
            Handler="a.a",
            Code={"ZipFile": code.getvalue()},
            Publish=publish,
        )

    async def _ec2(self, action: str, **params: Any) -> Any:
        return await asyncio.to_thread(lambda: getattr(self._made("ec2"), action)(**params))

    def _made(self, service: str) -> Any:
        """botocore's client: it takes seconds to make."""
        if service not in self._clients:
            access, secret = KEYS.values()
            self._clients[service] = botocore.session.get_session().create_client(
                service, REGION, endpoint_url=self.address, aws_access_key_id=access, aws_secret_access_key=secret
            )
        return self._clients[service]
