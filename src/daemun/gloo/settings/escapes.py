"""`gloo.transformationEscapeCharacters` of Settings: what counts for transformations that do not say it themselves."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from daemun.api.gloo.settings import Settings
from daemun.api.gloo.transformation import Transformation, Transformations, TransformationStages
from daemun.base.names import Name, Ref
from daemun.flow import Collection, Reader
from daemun.gloo.policies.policy import Meant
from daemun.gloo.settings.scope import SETTINGS


def escapes_rule(_: Reader, name: Name, settings: Settings) -> Iterator[tuple[Name, bool]]:
    """From the Settings that count to whether strings are written as in JSON; all others say nothing."""
    if name == SETTINGS and settings.spec.gloo and settings.spec.gloo.transformation_escape_characters:
        yield name, True


def meanings(escapes: Collection[Name, bool]) -> Mapping[str, Callable[[Reader, Ref, str, Any], Meant]]:
    """What transformations come to."""

    def meant(reader: Reader, by: Ref, where: str, spec: Any) -> Meant:
        del by, where
        return Meant(_escaping(spec) if reader.get(escapes, SETTINGS) else spec)

    return {"stagedTransformations": meant, "transformations": meant}


def _escaping(spec: TransformationStages | Transformations) -> TransformationStages | Transformations:
    if isinstance(spec, TransformationStages):
        return spec if spec.escape_characters is not None else msgspec.structs.replace(spec, escape_characters=True)
    return msgspec.structs.replace(
        spec,
        request_transformation=_one(spec.request_transformation),
        response_transformation=_one(spec.response_transformation),
    )


def _one(transformation: Transformation | None) -> Transformation | None:
    template = transformation.transformation_template if transformation else None
    if transformation is None or template is None or template.escape_characters is not None:
        return transformation
    changed = msgspec.structs.replace(template, escape_characters=True)
    return msgspec.structs.replace(transformation, transformation_template=changed)
