"""A chain, made ready: its checkers, and in which order they are asked."""

import asyncio
import logging
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Respond
from daemun.extauth.checker import Checker, State
from daemun.extauth.request import Request
from daemun.ir.auth import Chain
from daemun.ir.auth.expression import And, Expression, ExpressionError, Literal, all_of, parse

_log = logging.getLogger(__name__)
_NOTHING = Failed("there is no check in it")
_UNWANTED = Denied(403)
_TROUBLE = 500
_QUIET = 60.0
"""Seconds in which the same failure of a step is not said again."""


class Ready:
    """A chain whose requests can be asked. `checkers` are by the names of its steps."""

    def __init__(self, chain: Chain, checkers: Mapping[str, Checker]) -> None:
        self.chain = chain
        self.checkers = checkers
        self.failures: Counter[tuple[str, str]] = Counter()
        """What steps could not tell, by step and reason."""
        self._quiet: dict[tuple[str, str], float] = {}
        self._expression: Expression | None = None
        self._why = _NOTHING
        names = [step.name for step in chain.steps]
        if len(set(names)) < len(names):
            self._why = Failed("two of its steps have one name")
            return
        try:
            if names:
                self._expression = parse(chain.expression, names) if chain.expression.strip() else all_of(names)
        except ExpressionError as error:
            self._why = Failed(f"its expression cannot be read: {error}")

    async def settled(self) -> None:
        """Return when every step can be asked, or never will."""
        await asyncio.gather(*(one.ready() for one in self.checkers.values()), return_exceptions=True)

    def fault(self) -> str:
        """Why it can never let anybody in, as far as that is known: what is wrong with which step; empty if nothing."""
        if self._expression is None:
            return self._why.why
        found = {name: one.fault() for name, one in self.checkers.items()}
        return "; ".join(f"{name}: {why}" for name, why in found.items() if why)

    async def ask(self, request: Request) -> Answer:
        """What is to be answered, of which nothing is left to decide: Allowed, Denied or Respond."""
        if self._expression is None:
            self._failed("", self._why.why)
            return Denied(self._why.status)
        run = _Run(self, request)
        holds = await run.holds(self._expression)
        if run.answered is not None:
            return run.answered
        return run.allowed() if holds else run.denied()

    async def step(self, literal: Literal, request: Request, state: State) -> Answer:
        """What one step says; whatever goes wrong in it is an answer."""
        try:
            answer = await self.checkers[literal.name].check(request, state)
        except Exception as error:  # noqa: BLE001 - a plug-in may raise anything, and it concerns this request alone
            # Its text is not logged: what a parser cannot read may be a password.
            where = traceback.extract_tb(error.__traceback__)[-1]
            answer = Failed(f"{type(error).__name__} in {where.name} ({where.filename}:{where.lineno})")
        if isinstance(answer, Failed):
            self._failed(literal.name, answer.why)
        return answer

    def _failed(self, step: str, why: str) -> None:
        """Said once in a while: a server that is down for an hour does not fill the log."""
        self.failures[step, why] += 1
        now = time.monotonic()
        if now >= self._quiet.get((step, why), 0.0):
            self._quiet[step, why] = now + _QUIET
            count = self.failures[step, why]
            what = step or "The chain"
            _log.error("%s in %s cannot tell who may pass: %s (%s so far).", what, self.chain.name, why, count)


class _Run(msgspec.Struct):
    """One request on its way through a chain."""

    ready: Ready
    request: Request
    state: State = msgspec.field(default_factory=State)
    passed: list[Allowed] = msgspec.field(default_factory=list)
    refused: Denied = _UNWANTED
    told: dict[str, Any] = msgspec.field(default_factory=dict)
    """The metadata of all that has denied."""
    answered: Respond | None = None

    async def holds(self, expression: Expression) -> bool:
        """Whether it holds. It ends early where a step has answered."""
        if isinstance(expression, Literal):
            return await self._literal(expression)
        wanted = isinstance(expression, And)
        before = len(self.passed)
        for term in expression.terms:
            holds = await self.holds(term)
            if self.answered is not None:
                return False
            if holds != wanted:
                break
        if not holds:
            # What is not part of why the request may pass does not go on with it.
            del self.passed[before:]
        return holds

    async def _literal(self, literal: Literal) -> bool:
        answer = await self.ready.step(literal, self.request, self.state)
        if isinstance(answer, Respond):
            if not (answer.login and (literal.negated or self.ready.chain.fail_on_redirect)):
                self.answered = answer
                return False
            answer = Denied(401)
        if isinstance(answer, Failed):
            self.refused = Denied(answer.status)
            return False
        if isinstance(answer, Denied):
            self.refused = answer
            self.told.update(answer.metadata)
            # Who is in trouble has not said no.
            return literal.negated and answer.status < _TROUBLE
        if literal.negated:
            self.refused = _UNWANTED
            return False
        if answer.user:
            self.state.user = answer.user
        self.passed.append(answer)
        return True

    def denied(self) -> Denied:
        """The word of the last one counts; why the others denied is told, too."""
        return msgspec.structs.replace(self.refused, metadata=self.told) if self.told else self.refused

    def allowed(self) -> Allowed:
        """All that goes on, as one: the word of a later step counts."""
        header = self.ready.chain.user_header.lower()
        if len(self.passed) == 1 and not header:
            return self.passed[0]
        user = next((one.user for one in reversed(self.passed) if one.user), "")
        upstream = {name: value for one in self.passed for name, value in one.upstream}
        removed = {name for one in self.passed for name in one.remove} - upstream.keys()
        if header:
            # Without a user there is no such header: the client's own word is not the server's.
            upstream.pop(header, None)
            removed.add(header)
            if user:
                upstream[header] = user
                removed.discard(header)
        return Allowed(
            user,
            upstream=tuple(upstream.items()),
            appended=tuple(pair for one in self.passed for pair in one.appended),
            remove=tuple(sorted(removed)),
            downstream=tuple(pair for one in self.passed for pair in one.downstream),
            metadata={key: value for one in self.passed for key, value in one.metadata.items()},
        )
