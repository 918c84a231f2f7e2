"""Policies in Rego that come with the chain (Gloo's opaAuth): a query over them decides."""

from typing import Any

import msgspec
import re2

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.checks.opa import decision, document
from daemun.extauth.rego.evaluator import Evaluator, EvaluatorError
from daemun.extauth.rego.modules import DECISION
from daemun.extauth.rego.room import Room
from daemun.extauth.request import Request
from daemun.fetch import CrowdedError
from daemun.ir.auth.checks import OpaModules

_RULE = re2.compile(r"\s*data((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*(==\s*true)?\s*")
_DENIED = Denied(403)


class RegoModules(Checker):
    """A query that names one rule is asked as that rule, which is quicker and may be an object that says more."""

    def __init__(self, check: OpaModules, place: Place, tools: Tools) -> None:
        self._reason = place.step if check.reason else ""
        self._fast = check.fast
        rule = _RULE.fullmatch(check.query)
        self._rule = "/v1/data" + rule.group(1).replace(".", "/") if rule else ""
        self._must_be_true = bool(rule and rule.group(2))
        self._check, self._place, self._opa = check, place, tools.opa
        self._budget = tools.budget
        self._room = tools.shared("room for OPAs", lambda: Room(tools.opas))
        self._why = ""
        self._evaluator = self._begun()

    def _begun(self) -> Evaluator | None:
        """Its OPA, if there is room for it now."""
        self._why = self._room.take(self._place.chain, self._place.step)
        return None if self._why else Evaluator(self._check.modules, self._check.query, self._opa)

    async def ready(self) -> None:
        """Until its OPA has started, or will not."""
        if self._evaluator is not None:
            await self._evaluator.ready()

    def fault(self) -> str:
        """Why there is no OPA with these modules, and will be none."""
        return self._why if self._evaluator is None else self._evaluator.fault

    async def close(self) -> None:
        """End its OPA."""
        if self._evaluator is not None:
            await self._evaluator.close()
            self._room.leave(self._place.chain, self._place.step)

    async def check(self, request: Request, state: State) -> Answer:
        """What the query says of the request."""
        if self._evaluator is None:
            self._evaluator = self._begun()
        if self._evaluator is None:
            return Failed(self._why)
        body: dict[str, object] = {"input": document(request, state, fast=self._fast)}
        try:
            with self._budget.share(self._place.namespace) as share:
                if self._rule:
                    found = await self._evaluator.ask(self._rule, msgspec.json.encode(body), share)
                    return decision(found is True if self._must_be_true else _listed(found), self._reason)
                body["query"] = self._evaluator.query
                found = await self._evaluator.ask("/v1/query", msgspec.json.encode(body), share)
        except (CrowdedError, EvaluatorError) as error:
            return Failed(str(error))
        answers = [decision(_listed(one.get(DECISION, True)), self._reason) for one in found or ()]
        return next((one for one in answers if isinstance(one, Allowed)), next(iter(answers), _DENIED))


def _listed(found: Any) -> Any:
    """A decision may be a list, too: whether the request may pass, and why."""
    if not isinstance(found, list):
        return found
    said = dict(zip(("allowed", "body"), found, strict=False))
    return {**said, "allowed": said.get("allowed") is True}
