"""What is left out since nothing leads to it, or since there is no like: that is told too."""

from collections.abc import Collection

from daemun.base.names import GLOO_GATEWAY
from daemun.gloo.migrate.bench import Bench


def tell_unused(bench: Bench, served: Collection[object]) -> None:
    """Tell of VirtualServices, RouteTables and Gateways of which nothing was made."""
    world = bench.world
    for name, tenant in world.tenants.items():
        if name in served:
            continue
        for problem in tenant.problems:
            bench.report.warning(problem.ref, problem.code, problem.where, problem.text, "It is left out.")
        if not tenant.problems:
            text = "none of the listeners that it would be served at could be carried over"
            bench.report.error(tenant.ref, "NoListener", "", text, "It is left out, with its routes.")
    reached = {one.by for flat in world.flat.values() for placing in flat.placings for one in (placing, *placing.above)}
    parts = {one.by for one in world.pieces}
    counted = {one.gateway.name for one in world.pieces}
    for ref in sorted(world.objects):
        if ref.group != GLOO_GATEWAY:
            continue
        if ref.kind == "RouteTable" and ref not in reached:
            text = "no VirtualService comes to it, so none of its routes is taken"
            bench.report.warning(ref, "NotReached", "", text, "It is left out.")
        elif ref.kind == "Gateway" and ref.key not in counted:
            text = f"Gateways are read from namespace {world.scope.namespace} only"
            mend = "It is left out; see gateway.readGatewaysFromAllNamespaces in Settings."
            bench.report.warning(ref, "NotRead", "metadata.namespace", text, mend)
        elif ref.kind in {"MatchableHttpGateway", "MatchableTcpGateway"} and ref not in parts:
            text = "no Gateway that counts delegates to it"
            bench.report.warning(ref, "NotReached", "", text, "It is left out.")
