"""AWS's token service on loopback: it says who has signed a request, if the signature is what botocore makes of it."""

import hashlib
import re
from collections.abc import Mapping

from aiohttp import web
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from support.servers.sites import WebServer

ACCOUNT = "123456789012"
ARN = f"arn:aws:iam::{ACCOUNT}:user/daemun"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/([0-9]{8})/([^/]+)/([^/]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=(\w+)"
)


def fault(
    credentials: Credentials, method: str, url: str, headers: Mapping[str, str], body: bytes, service: str, region: str
) -> str:
    """What is wrong with a signed request; empty if botocore signs it the same."""
    found = {name.lower(): value for name, value in headers.items()}
    match = _AUTHORIZATION.fullmatch(found.get("authorization", ""))
    if match is None:
        return f"no signature: {found.get('authorization')}"
    access, day, in_region, of_service, names, signature = match.groups()
    if (access, in_region, of_service) != (credentials.access_key, region, service):
        return f"signed as {access} for {of_service} in {in_region}"
    if credentials.token and found.get("x-amz-security-token") != credentials.token:
        return "without the session's token"
    if "host" not in names.split(";") or not found.get("x-amz-date", "").startswith(day):
        return f"signs {names} at {found.get('x-amz-date')}"
    request = AWSRequest(method, url, {name: found[name] for name in names.split(";")}, body)
    request.context["timestamp"] = found["x-amz-date"]
    told = found.get("x-amz-content-sha256", hashlib.sha256(body).hexdigest())
    if told != hashlib.sha256(body).hexdigest():
        return "the body is another"
    signer = SigV4Auth(credentials, service, region)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    wanted = signer.signature(text, request)
    return "" if wanted == signature else f"the signature is another: {text}"


class Sts(WebServer):
    """Answers GetCallerIdentity to whoever has signed it with these credentials."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        super().__init__()
        self._credentials, self._region = credentials, region
        self.faults: list[str] = []

    def application(self) -> web.Application:
        """What answers."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        return app

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        # Vault sends it on to where it was told, but with the host that was signed.
        url = f"https://{request.headers['Host']}/"
        wrong = fault(self._credentials, "POST", url, request.headers, body, "sts", self._region)
        self.faults.append(wrong)
        if wrong:
            return web.Response(status=403, text=wrong)
        result = f"<Arn>{ARN}</Arn><UserId>AIDAEXAMPLE</UserId><Account>{ACCOUNT}</Account>"
        text = (
            f'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>{result}'
            "</GetCallerIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        )
        return web.Response(body=text.encode(), headers={"Content-Type": "text/xml"})
