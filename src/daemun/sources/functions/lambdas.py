"""The functions of AWS Lambda in a region (ListFunctions), a page after the other."""

import datetime
from urllib.parse import quote, urlsplit

import msgspec

from daemun.api.gloo.cloud import LambdaFunctionSpec
from daemun.base.durations import seconds_asked
from daemun.base.guard import Guard
from daemun.fetch.client import Answer, Fetcher, FetchError
from daemun.ir.discovered import Lambdas
from daemun.sources.aws.query import BUSY_SECONDS, AwsError, Service
from daemun.sources.aws.roles import STS, Signer
from daemun.sources.functions.failure import AskError
from daemun.sources.registries.registry import RegistryError
from daemun.sources.signatures import Credentials, signed

_PATH = "/2015-03-31/functions/"
_PAGE, _MOST = 50, 10_000
"""Functions in a page, which is as many as AWS gives, and in all."""
_MOST_BYTES = 4 << 20
_SECONDS = 10.0
"""For a page."""
_LATEST = "$LATEST"


class _Function(msgspec.Struct, rename="pascal"):
    """One version of a function (FunctionConfiguration), as far as it is read."""

    function_name: str
    version: str = _LATEST


class _Page(msgspec.Struct, rename="pascal"):
    functions: list[_Function]
    next_marker: str | None = None


class LambdaList:
    """Asks AWS, with the credentials of the question or the role that they take on."""

    def __init__(self, question: Lambdas, guard: Guard) -> None:
        self._question = question
        self._fetcher = Fetcher(guard, seconds=_SECONDS, most=_MOST_BYTES)
        held = Credentials(question.access_key, question.secret_key, question.session_token)
        self._signer = Signer(held, question.role_arn, Service("sts", question.region, STS, self._fetcher))

    async def ask(self) -> bytes:
        """All functions in all versions that are published, as Gloo names them: `NAME`, and `NAME:VERSION`.

        Raises AskError.
        """
        found: dict[str, LambdaFunctionSpec] = {}
        marker: str | None = ""
        async with self._fetcher:
            while marker is not None:
                page = await self._page(marker)
                for one in page.functions:
                    name = one.function_name if one.version == _LATEST else f"{one.function_name}:{one.version}"
                    found[name] = LambdaFunctionSpec(name, one.function_name, one.version)
                if len(found) > _MOST or (page.next_marker and not page.functions):
                    raise AskError(f"AWS Lambda has more than {_MOST} functions; name them in lambdaFunctions")
                marker = page.next_marker or None
        return msgspec.json.encode([found[name] for name in sorted(found)])

    async def _page(self, marker: str) -> _Page:
        try:
            return await self._signer.ask(lambda by: self._once(by, marker))
        except RegistryError as error:
            raise AskError(error.text, error.after) from None
        except FetchError as error:
            raise AskError(f"AWS Lambda does not answer: {error}") from None

    async def _once(self, by: Credentials, marker: str) -> _Page:
        asked = {"FunctionVersion": "ALL", "Marker": marker, "MaxItems": str(_PAGE)}
        query = "&".join(f"{key}={quote(value, safe='-_.~')}" for key, value in asked.items() if value)
        now = datetime.datetime.now(datetime.UTC)
        headers = {"Host": urlsplit(self._question.url).netloc}
        of = self._question.region
        headers = signed(by, "lambda", of, now, headers, b"", method="GET", path=_PATH, query=query)
        url = f"{self._question.url}{_PATH}?{query}"
        answer = await self._fetcher.send("GET", url, b"", headers, escaped=True)
        if answer.status == 429 or answer.status >= 500:
            after = seconds_asked(answer.headers.get("retry-after", ""), digits=3)
            wait = BUSY_SECONDS if after is None else after
            raise AskError(f"AWS Lambda has too much to do ({answer.status})", wait)
        if answer.status != 200:
            code = _code(answer)
            raise AwsError(code, f"AWS Lambda refuses ListFunctions: {code}")
        try:
            return msgspec.json.decode(answer.body, type=_Page)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise AskError("what answers is not AWS Lambda") from None


def _code(answer: Answer) -> str:
    """Its message may hold what was asked, so the code alone is told: in a header, with a URL behind it or not."""
    code = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    return code if code.isalnum() and len(code) < 80 else str(answer.status)
