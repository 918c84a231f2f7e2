"""A plug-in for pytest: files called `*.routes.yaml` are tests, and a fixture asks where requests go.

It is there as soon as Daemun is installed. Nothing heavy is imported before the first test that needs it.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from daemun.base.names import Ref
    from daemun.explain import Explanation, Share
    from daemun.translate import Translation
    from daemun.trial.cases import Case, Suite

_ENDING = ".routes.yaml"


class Answer:
    """What becomes of a request, as `daemun explain` has it."""

    def __init__(self, explanation: "Explanation") -> None:
        self.explanation = explanation

    @property
    def outcome(self) -> str:
        """`forwarded`, `answered`, `redirected`, `refused`, `closed` or `passed`."""
        return self.explanation.outcome.kind

    @property
    def status(self) -> int:
        """The status, where the gateway itself answers; else 0."""
        return self.explanation.outcome.status

    @property
    def location(self) -> str:
        """Where a redirect leads."""
        return self.explanation.outcome.location

    @property
    def route(self) -> str:
        """The route that takes the request, as `httproute/NAMESPACE/NAME`; empty if none does."""
        winner = self.explanation.winner
        return _spelled(winner.route) if winner is not None else ""

    @property
    def backend(self) -> str:
        """The object that gets the request, or most such requests, as `NAMESPACE/NAME`; empty if none does."""
        first = max(self._shares(), key=lambda one: one.percent, default=None)
        return str(first.backend.key) if first is not None and first.backend is not None else ""

    @property
    def backends(self) -> dict[str, float]:
        """Each object that gets such requests, with its share in percent."""
        found: dict[str, float] = {}
        for share in self._shares():
            if share.backend is not None:
                found[str(share.backend.key)] = found.get(str(share.backend.key), 0) + share.percent
        return found

    @property
    def filters(self) -> list[str]:
        """The features at work."""
        return [effect.kind for effect in self.explanation.effects]

    def _shares(self) -> "list[Share]":
        return [share for share in self.explanation.outcome.shares if share.cluster and share.percent]

    def __repr__(self) -> str:
        """What a failing test shows."""
        return f"<{self.explanation.request.method} {self.explanation.request.target}: {self.explanation.outcome.why}>"


class Routes:
    """Manifests, and where requests go by them."""

    def __init__(self, translation: "Translation") -> None:
        self.translation = translation

    def request(self, method: str, url: str, headers: Mapping[str, str] | None = None, gateway: str = "") -> Answer:
        """What becomes of such a request. Raises ValueError if nobody would send it."""
        from daemun.base.names import Name
        from daemun.explain import explain, request_from

        asked = request_from(method, url, list((headers or {}).items()))
        return Answer(explain(self.translation, asked, Name.of(gateway) if gateway else None))

    def get(self, url: str, headers: Mapping[str, str] | None = None, gateway: str = "") -> Answer:
        """What becomes of a GET."""
        return self.request("GET", url, headers, gateway)


@pytest.fixture(scope="session")
def daemun_routes() -> Callable[..., Routes]:
    """From files or folders with manifests to `Routes`; each set of them is read once."""
    from daemun.cli.loading import Surroundings
    from daemun.cli.suites import Translated

    known = Translated()

    def routes(*paths: str | Path, address: str = "127.0.0.1", real_ports: bool = False) -> Routes:
        for path in paths:
            if not Path(path).exists():
                raise FileNotFoundError(f"{path} does not exist")
        surroundings = Surroundings(None, address, real_ports)
        return Routes(known.get([Path(path) for path in paths], surroundings).translation)

    return routes


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "SuiteFile | None":
    """Files with routing tests are tests."""
    return SuiteFile.from_parent(parent, path=file_path) if file_path.name.endswith(_ENDING) else None


_KNOWN = pytest.StashKey[Any]()


class SuiteFile(pytest.File):
    """A file with routing tests."""

    def collect(self) -> "Iterator[pytest.Item]":
        """An item for each case."""
        from daemun.cli.suites import manifests, read

        try:
            suite = read(self.path)
            if not manifests(self.path, suite):
                raise ValueError(f"{self.path}: it names no manifests.")
        except ValueError as error:
            raise self.CollectError(str(error)) from None
        for case in suite.cases:
            yield CaseItem.from_parent(self, name=case.title, suite=suite, case=case)


class CaseItem(pytest.Item):
    """A routing test."""

    def __init__(self, *, suite: "Suite", case: "Case", **rest: Any) -> None:
        super().__init__(**rest)
        self._suite = suite
        self._case = case

    def runtest(self) -> None:
        """Judge it."""
        from daemun.cli.loading import Surroundings
        from daemun.cli.suites import Translated, manifests
        from daemun.trial.cases import judge

        stash = self.session.stash
        known = stash.setdefault(_KNOWN, Translated())
        surroundings = Surroundings(None, self._suite.address, self._suite.real_ports)
        loaded = known.get(manifests(self.path, self._suite), surroundings)
        verdict = judge(loaded.translation, self._case)
        if verdict.failures:
            pytest.fail("\n".join(verdict.failures), pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """The file and the case's name."""
        return self.path, None, self.name


def _spelled(ref: "Ref") -> str:
    return f"{ref.kind.lower()}/{ref.key}"
