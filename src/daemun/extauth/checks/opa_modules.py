"""Policies in Rego that come with the chain (Gloo's opaAuth): a query over them decides."""

import msgspec
import re2

from daemun.extauth.answers import Allowed, Answer, Denied, Failed
from daemun.extauth.checker import Checker, Place, State, Tools
from daemun.extauth.checks.opa import decision, document
from daemun.extauth.rego.evaluator import Evaluator, EvaluatorError
from daemun.extauth.request import Request
from daemun.ir.auth.checks import OpaModules

_RULE = re2.compile(r"\s*data((?:\.[A-Za-z_][A-Za-z0-9_]*)+)\s*(==\s*true)?\s*")
_DENIED = Denied(403)


class RegoModules(Checker):
    """A query that names one rule is asked as that rule, which is quicker and may be an object that says more."""

    def __init__(self, check: OpaModules, place: Place, tools: Tools) -> None:
        del place
        self._reason = check.reason
        self._query = check.query
        rule = _RULE.fullmatch(check.query)
        self._rule = "/v1/data" + rule.group(1).replace(".", "/") if rule else ""
        self._must_be_true = bool(rule and rule.group(2))
        self._evaluator = Evaluator(check.modules, check.query, tools.opa)

    async def ready(self) -> None:
        """Until its OPA has started, or will not."""
        await self._evaluator.ready()

    def fault(self) -> str:
        """Why there is no OPA with these modules, and will be none."""
        return self._evaluator.fault

    async def close(self) -> None:
        """End its OPA."""
        await self._evaluator.close()

    async def check(self, request: Request, state: State) -> Answer:
        """What the query says of the request."""
        body: dict[str, object] = {"input": document(request, state)}
        try:
            if self._rule:
                found = await self._evaluator.ask(self._rule, msgspec.json.encode(body))
                return decision(found is True if self._must_be_true else found, self._reason)
            body["query"] = self._query
            return Allowed() if await self._evaluator.ask("/v1/query", msgspec.json.encode(body)) else _DENIED
        except EvaluatorError as error:
            return Failed(str(error))
