"""includeRequestAttemptCount and includeAttemptCountInResponse: how often it was tried (Gloo, VirtualHostOptions)."""

from typing import ClassVar

from daemun.features.drafts import HostDraft
from daemun.features.feature import Feature, Scene
from daemun.ir.route import Use


class RequestAttemptCount(Feature[bool]):
    """The backend is told which try this is."""

    kind: ClassVar = "includeRequestAttemptCount"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """Whether it is told."""
        del use, scene
        return f"{'tells' if spec else 'does not tell'} the backend the number of the try (x-envoy-attempt-count)"

    def on_host(self, spec: bool, use: Use, draft: HostDraft) -> None:
        """As Envoy's field of that name."""
        del use
        draft.proto.include_request_attempt_count = spec


class ResponseAttemptCount(Feature[bool]):
    """The client is told how many tries it took."""

    kind: ClassVar = "includeAttemptCountInResponse"

    def does(self, spec: bool, use: Use, scene: Scene) -> str:
        """Whether it is told."""
        del use, scene
        return f"{'tells' if spec else 'does not tell'} the client the number of tries (x-envoy-attempt-count)"

    def on_host(self, spec: bool, use: Use, draft: HostDraft) -> None:
        """As Envoy's field of that name."""
        del use
        draft.proto.include_attempt_count_in_response = spec
