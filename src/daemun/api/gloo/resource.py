"""What the kinds of Gloo have in common."""

from daemun.api.meta import Resource


class GlooResource(Resource, frozen=True):
    """An object of Gloo's API. Its CRDs do not say which fields exclude each other, so that is checked here."""
