"""`python -I -S .../keeper/__main__.py STATE_DIRECTORY`: start a keeper in the background and end once it answers."""

import sys
from pathlib import Path

# asyncio runs without TLS, and the `ssl` module alone would make the keeper a third larger.
sys.modules["ssl"] = None  # type: ignore[assignment]  # so that importing it fails
# Isolated mode knows neither the current directory nor site-packages, but this file knows where it lies.
sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from daemun.provision.keeper.launch import main  # noqa: E402 - what stands above comes before

if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
