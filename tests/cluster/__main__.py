"""`python -m tests.cluster COMMAND`: see docs/cluster.md."""

import argparse
import sys

from . import tools
from .processes import ClusterError


def main(arguments: list[str]) -> int:
    """Run a command; what fails says why in one message."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="build the programs, once, into the user's cache")
    build.add_argument("what", nargs="?", choices=("api", "all"), default="all")
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "build":
            tools.build(*(tools.API if chosen.what == "api" else tools.PROGRAMS))
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
