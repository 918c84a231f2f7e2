"""From Gloo's classic resources to Gateway API's, with Gloo's policies: pure, objects in, objects and problems out.

Classic mode itself (`gloo.classic`) says what the classic objects mean; here that is written down in other words, and
what has no other words is told. One file for each kind of thing that is written.
"""

from daemun.base.names import Name
from daemun.gloo.classic.report import Problems
from daemun.gloo.migrate import gateways, streams
from daemun.gloo.migrate.bench import Bench, Made, Wishes
from daemun.gloo.migrate.delegation import delegated
from daemun.gloo.migrate.plans import plan
from daemun.gloo.migrate.routes import Routes
from daemun.gloo.migrate.unused import tell_unused
from daemun.gloo.migrate.world import CLASSIC, Objects, read

__all__ = ["CLASSIC", "Made", "Wishes", "migrate"]


def migrate(objects: Objects, wishes: Wishes | None = None) -> tuple[list[Made], Problems]:
    """The objects that do what the classic ones among these do, in a good order, and what is to be told about it.

    A problem that is no warning is something that is lost; a warning is something that changes a little, or is left
    out because it did nothing.
    """
    bench = Bench(read(objects), wishes or Wishes())
    seats: dict[Name, list[gateways.Section]] = {}
    proxies = gateways.proxies(bench)
    after = []
    for proxy in proxies:
        at = len(bench.made)
        for piece in gateways.stream_pieces(bench, proxy):
            streams.convert(bench, proxy, piece)
        after += bench.made[at:]
        del bench.made[at:]
        for name, section in gateways.lay(bench, proxy):
            seats.setdefault(name, []).append(section)
    gateways.host_policies(bench)
    plans = [plan(bench, name) for name in bench.world.tenants if name in seats]
    routes = Routes(bench, delegated(bench, plans))
    for one in plans:
        routes.convert(one, seats[one.name])
    tell_unused(bench, seats.keys())
    return [*bench.made, *after, *bench.grants()], bench.report.problems
