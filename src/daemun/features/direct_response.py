"""DirectResponse: the gateway answers by itself (Gloo, DirectResponse; an ExtensionRef filter of a rule)."""

from typing import ClassVar

from daemun.api.gloo.direct_response import DirectResponseSpec
from daemun.features.drafts import Draft
from daemun.features.feature import Feature, Scene
from daemun.ir.route import Use


class DirectResponse(Feature[DirectResponseSpec]):
    """Envoy's direct response, in place of whatever else the rule would do with its requests."""

    kind: ClassVar = "DirectResponse"

    def does(self, spec: DirectResponseSpec, use: Use, scene: Scene) -> str:
        """What is answered."""
        del use, scene
        body = f" and a body of {len(spec.body)} characters" if spec.body else ""
        return f"answers with {spec.status}{body}, without a backend"

    def on_route(self, spec: DirectResponseSpec, use: Use, draft: Draft) -> None:
        """The answer."""
        del use
        draft.proto.direct_response.status = spec.status
        if spec.body:
            draft.proto.direct_response.body.inline_string = spec.body
