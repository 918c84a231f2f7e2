"""A browser of tests, as the authorization server sees it: requests, and the cookies that it keeps."""

from urllib.parse import urlsplit

from daemun.extauth.answers import Allowed, Answer, Denied, Respond
from daemun.extauth.checker import Checker, State
from daemun.extauth.request import Request
from support.clients.asking import question
from support.standins.provider import Provider

PAGE = {"accept": "text/html", "sec-fetch-mode": "navigate"}


class Visitor:
    """Asks a checker. `jar` is what the browser keeps for each host."""

    def __init__(self, checker: Checker, host: str = "app.example.com") -> None:
        self.checker = checker
        self.host = host
        self.jars: dict[str, dict[str, str]] = {}
        self.state = State()

    @property
    def jar(self) -> dict[str, str]:
        """The cookies of the host."""
        return self.jars.setdefault(self.host, {})

    async def get(self, path: str = "/", method: str = "GET", **headers: str) -> Answer:
        """Go to a path."""
        sent = {**PAGE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.jar:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        asked = question("chain", sent, path, method)
        asked.attributes.request.http.host = self.host
        self.state = State()
        answer = await self.checker.check(Request(asked), self.state)
        for name, value in answer.downstream if isinstance(answer, Allowed) else getattr(answer, "headers", ()):
            if name == "set-cookie":
                self._keep(value)
        return answer

    async def log_in(self, provider: Provider, path: str = "/") -> Answer:
        """Go to a path, and over the provider back to it."""
        sent = await self.get(path)
        assert isinstance(sent, Respond)
        assert sent.status == 302, sent
        return await self.follow(provider.log_in(header(sent, "location")))

    async def follow(self, url: str) -> Answer:
        """Go where a redirect leads."""
        target = urlsplit(url)
        self.host = target.netloc
        return await self.get(target.path + (f"?{target.query}" if target.query else ""))

    def _keep(self, written: str) -> None:
        pair, *attributes = written.split("; ")
        name, _, value = pair.partition("=")
        assert len(written) <= 4096
        domain = next((one.removeprefix("Domain=") for one in attributes if one.startswith("Domain=")), "")
        for host in {self.host, *(one for one in self.jars if domain and one.endswith(domain))}:
            jar = self.jars.setdefault(host, {})
            if "Max-Age=0" in attributes:
                jar.pop(name, None)
            else:
                jar[name] = value


def header(answer: Answer, name: str) -> str:
    """A header of an answer to a browser."""
    assert isinstance(answer, Denied | Respond)
    return next(value for key, value in answer.headers if key == name)
