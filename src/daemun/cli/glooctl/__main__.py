"""`python -m daemun.cli.glooctl`: the same as `glooctl`."""

from daemun.cli.glooctl.main import run

run()
