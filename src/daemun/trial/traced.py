"""What happened to one request, as Envoy's own log tells it while it is told to log all: filter by filter.

Envoy writes a record for each step, with the ids of connection and stream. The request is known by a header that no
other has. What stock Envoy says in no log is the name of the route; the cluster tells it nearly always.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

from daemun.explain import Explanation

MARK = "x-daemun-trace"
"""The header by which the request is known; its backend sees it too."""
_TELLING = ("router", "filter", "ext_authz", "jwt", "rbac", "ext_proc", "lua")
LEVELS: Mapping[str, str] = MappingProxyType({"http": "trace", **dict.fromkeys(_TELLING, "debug")})
"""What is logged while a request is followed, by Envoy's loggers."""
_RECORD = re.compile(r"^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\]\[\d+\]\[\w+\]\[(\w+)\] ", re.MULTILINE)
_STREAM = re.compile(r'\[Tags: "ConnectionId":"(\d+)","StreamId":"(\d+)"\] ')
_HEADER = re.compile(r"^'([^']*)', '(.*)'$", re.MULTILINE)
_FILTER = re.compile(r"(decode|encode) headers called: filter=(\S+) status=(\d+)")
_ABORTED = re.compile(r"decodeHeaders filter iteration aborted due to local reply: filter=(\S+)")
_CLUSTER = re.compile(r"cluster '([^']*)' match for URL '(.*)'")
_LOCAL = re.compile(r"Preparing local reply with details (\S+)")
_PLUMBING = re.compile(r"LoadShedPoint|commonEncodePrefix|continuing filter chain|router decoding headers")
_STATUS = {"0": "went on", "1": "stopped", "2": "stopped, buffering", "3": "stopped, buffering", "4": "waited"}
END = "Codec completed encoding stream"

Headers = tuple[tuple[str, str], ...]


class Step(msgspec.Struct, frozen=True):
    """One thing that Envoy did. `what` is the filter or the part of Envoy that says so."""

    what: str
    told: str


class Trace(msgspec.Struct, frozen=True):
    """What became of the request. Without an answer of Envoy's own `details` is empty, without a backend `cluster`."""

    connection: str
    stream: str
    received: Headers
    steps: tuple[Step, ...]
    cluster: str = ""
    sent: Headers = ()
    details: str = ""
    answered: Headers = ()
    endpoint: str = ""

    def status(self) -> int:
        """Of the answer; 0 if there was none."""
        return int(dict(self.answered).get(":status", "0"))


class Aspect(msgspec.Struct, frozen=True):
    """Something that should have been so, what it was, and whether that is the same."""

    what: str
    should: str
    was: str
    verdict: Literal["as it should be", "differs"]


def trace(log: str, mark: str) -> Trace | None:
    """The trace of the request with this mark; None if the log has not all of it (yet)."""
    records = list(_records(log))
    stream = next((found for found, _, text in records if f"'{MARK}', '{mark}'" in text and found), None)
    if stream is None or not any(found == stream and END in text for found, _, text in records):
        return None
    mine = [(part, text) for found, part, text in records if found == stream]

    def headers(start: str) -> Headers:
        text = next((text for _, text in mine if text.startswith(start)), "")
        return tuple((found[1], found[2]) for found in _HEADER.finditer(text))

    def last(pattern: re.Pattern[str]) -> str:
        return next((found[1] for _, text in reversed(mine) if (found := pattern.search(text))), "")

    return Trace(
        connection=stream[0],
        stream=stream[1],
        received=headers("request headers complete"),
        steps=tuple(_steps(mine)),
        cluster=last(_CLUSTER),
        sent=headers("router decoding headers"),
        details=last(_LOCAL),
        answered=headers("encoding headers via codec"),
    )


def _records(log: str) -> Iterator[tuple[tuple[str, str] | None, str, str]]:
    """Each record: connection and stream if it has them, the logger, and its text with the lines that belong to it."""
    starts = list(_RECORD.finditer(log))
    for at, start in enumerate(starts):
        text = log[start.end() : starts[at + 1].start() if at + 1 < len(starts) else len(log)]
        text = text.partition("] ")[2]  # the source file
        tags = _STREAM.match(text)
        yield ((tags[1], tags[2]) if tags else None), start[1], text[tags.end() if tags else 0 :].strip()


def _steps(mine: list[tuple[str, str]]) -> Iterator[Step]:
    """What is worth telling, in order."""
    for part, text in mine:
        first = text.partition("\n")[0]
        if found := _FILTER.search(first):
            way = "request" if found[1] == "decode" else "answer"
            if found[2] != "envoy.filters.http.upstream_codec":
                yield Step(found[2], f"{way} headers: {_STATUS.get(found[3], found[3])}")
        elif found := _ABORTED.search(first):
            yield Step(found[1], "answered the request itself")
        elif found := _LOCAL.search(first):
            yield Step("Envoy", f"answers by itself: {found[1]}")
        elif part in _TELLING and not _PLUMBING.search(first):
            yield Step(part, first.rstrip(":"))


def aspects(expected: Explanation, found: Trace) -> list[Aspect]:
    """What `explain` says should have happened, beside what did."""
    outcome = expected.outcome
    shares = [share for share in outcome.shares if share.percent]
    forwarded = [share for share in shares if share.cluster]
    compared: list[Aspect] = []

    def compare(what: str, should: list[str], was: str) -> None:
        known = [one for one in dict.fromkeys(should) if one]
        if known:
            same = was in known
            compared.append(Aspect(what, " or ".join(known), was or "none", "as it should be" if same else "differs"))

    clusters = [share.cluster for share in forwarded]
    if len(forwarded) < len(shares) or not shares:
        clusters = [*clusters, "none"] if clusters else ["none"]
    compare("cluster", clusters, found.cluster or "none")
    mine = next((share for share in forwarded if share.cluster == found.cluster), None)
    if mine is not None:
        sent = dict(found.sent)
        compare("path", [mine.path], sent.get(":path", ""))
        compare("host", [mine.host], sent.get(":authority", ""))
        if found.endpoint:
            compare("endpoint", list(mine.endpoints), found.endpoint)
        if mine.status:
            compare("status", [str(mine.status)], str(found.status()))
        elif found.details and not found.details.startswith("via_upstream"):
            compared.append(Aspect("answer", "the backend's", f"Envoy's own: {found.details}", "differs"))
    elif not found.cluster:
        statuses = [str(share.status) for share in shares if not share.cluster] or [str(outcome.status)]
        compare("status", [one for one in statuses if one != "0"], str(found.status()))
        locations = [share.location for share in shares] or [outcome.location]
        compare("location", locations, dict(found.answered).get("location", ""))
    return compared
