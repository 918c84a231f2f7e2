"""`python -m daemun` is `daemun`."""

from daemun.cli.main import run

if __name__ == "__main__":
    run()
