"""What can go wrong with a cluster, for people and for whoever has to decide whether to try again."""


class KubeError(Exception):
    """The cluster cannot be used. `text` says why in one line, `mend` what to do about it."""

    def __init__(self, text: str, mend: str = "") -> None:
        super().__init__(f"{text}. {mend}" if mend else text)
        self.text = text
        self.mend = mend


class UnreachableError(KubeError):
    """The API server did not answer, or broke off. Trying again later may help."""


class UnreadableError(KubeError):
    """The API server answered something that is not what was asked for."""


class ApiError(KubeError):
    """The API server refused a request. `status` is HTTP's, `reason` is Kubernetes' (metav1.Status.reason).

    `retry_after` is how long the server asks to be left alone, in seconds; 0 when it did not ask.
    """

    def __init__(self, status: int, reason: str, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    @property
    def gone(self) -> bool:
        """The resource version asked for is too old (410): list again."""
        return self.status == 410 or self.reason == "Expired"

    @property
    def missing(self) -> bool:
        """There is no such object, or no such kind."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        """The object has changed since it was read, or exists already."""
        return self.status == 409
