"""DirectResponse: the gateway answers by itself (Gloo's DirectResponse, and directResponseAction of its routes)."""

from collections.abc import Iterable
from typing import ClassVar

from daemun.api.gloo.destinations import DirectResponseAction
from daemun.api.gloo.direct_response import DirectResponseSpec
from daemun.features.drafts import Draft
from daemun.features.feature import Fault, Feature, Scene
from daemun.ir.route import Use

Spec = DirectResponseSpec | DirectResponseAction
_LONGEST = 4096
"""Bytes of a body: Envoy's own limit, which the listener would have to raise."""


class DirectResponse(Feature[Spec]):
    """Envoy's direct response, in place of whatever else the rule would do with its requests."""

    kind: ClassVar = "DirectResponse"

    def faults(self, spec: Spec, where: str) -> Iterable[Fault]:
        """What Envoy refuses. (The API of DirectResponse says the same itself.)"""
        if not 200 <= spec.status <= 599:
            yield f"{where}.status", f"{spec.status} is not the status of an answer", "Give one from 200 to 599."
        if len(spec.body or "") > _LONGEST:
            yield f"{where}.body", f"it has more than {_LONGEST} characters", "Make it shorter."

    def does(self, spec: Spec, use: Use, scene: Scene) -> str:
        """What is answered."""
        del use, scene
        body = f" and a body of {len(spec.body)} characters" if spec.body else ""
        return f"answers with {spec.status}{body}, without a backend"

    def on_route(self, spec: Spec, use: Use, draft: Draft) -> None:
        """Puts the answer in the place of any that the route has already."""
        del use
        # The route may have been an answer already, that of a rule without a backend.
        draft.proto.direct_response.ClearField("body")
        draft.proto.direct_response.status = spec.status
        if spec.body:
            draft.proto.direct_response.body.inline_string = spec.body
