"""Endpoints whose answers are bad, which are left alone for a while."""

import msgspec

from daemun.api.gloo.health import OutlierDetection
from daemun.api.gloo.upstream import UpstreamSpec
from daemun.envoy.upstreams.family import Draft, Family, fill
from daemun.gloo.served.fields import Fields


class Outliers(Family):
    """`outlierDetection`, which is Envoy's own message."""

    serves = (
        Fields(UpstreamSpec, ("outlierDetection",)),
        Fields(OutlierDetection, tuple(field.encode_name for field in msgspec.structs.fields(OutlierDetection))),
    )
    places = (("outlierDetection", "spec.outlierDetection"),)

    def on_cluster(self, spec: UpstreamSpec, draft: Draft) -> None:
        """Handed on as it is."""
        if spec.outlier_detection is not None:
            fill(draft.cluster.outlier_detection, spec.outlier_detection)
