"""The labels of Secrets, which are known before what they hold is fetched: by them API keys are found."""

from collections.abc import Mapping

from daemun.base.names import Name, Ref

LABELS = ("daemun.dev", "SecretLabels")
"""Under what group and kind sources hand them on, beside the objects. It is no kind of the API."""
Labels = Mapping[str, str]


def labels_ref(secret: Name) -> Ref:
    """What the labels of a Secret are called."""
    return Ref(*LABELS, *secret)
