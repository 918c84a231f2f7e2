"""The state directory is found again, closed to others, and owned by one Daemun at a time."""

import tempfile
from pathlib import Path

import pytest

from daemun.provision import state
from daemun.provision.errors import ProvisionError


def test_the_same_folders_lead_to_the_same_place(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path)}
    a, b = Path("/a"), Path("/b")
    found = state.locate([a, b], environ)
    assert found == state.locate([b, a], environ) != state.locate([a], environ)
    assert found.parent == tmp_path / "daemun"
    assert len(found.name) == 12


def test_without_a_runtime_directory_it_is_a_temporary_one() -> None:
    assert state.locate([Path("/a")], {}).parent.parent == Path(tempfile.gettempdir())


def test_it_is_made_for_its_user_only(tmp_path: Path) -> None:
    path = state.prepare(tmp_path / "daemun" / "abc")
    assert path.stat().st_mode & 0o777 == 0o700
    assert state.prepare(path) == path


def test_a_link_and_an_open_directory_are_refused(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o755)
    (tmp_path / "link").symlink_to(real)
    with pytest.raises(ProvisionError, match="not a directory"):
        state.prepare(tmp_path / "link")
    with pytest.raises(ProvisionError, match="open to other users"):
        state.prepare(real)


def test_a_linked_parent_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ProvisionError, match="is a link"):
        state.prepare(tmp_path / "link" / "state")


def test_a_path_too_long_for_a_socket_is_said_so() -> None:
    assert state.socket_path(Path("/" + "a" * 106))
    with pytest.raises(ProvisionError, match=r"108 bytes long.*shorter directory"):
        state.socket_path(Path("/" + "a" * 107))


def test_folders_of_proxies_are_safe_short_and_distinct() -> None:
    names = ["a/b", "a-b", "A/b", "../../etc", "n" * 63 + "/" + "g" * 253, "/", "대문/gw"]
    folders = [state.folder(name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert len(folder) <= 31
        assert "/" not in folder
        assert not folder.startswith(".")


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    state.write(path, b"one")
    state.write(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


async def test_one_owner_at_a_time(tmp_path: Path) -> None:
    first, second = state.OwnerLock(tmp_path), state.OwnerLock(tmp_path)
    await first.acquire(0)
    with pytest.raises(ProvisionError, match=r"Another Daemun \(process \d+\)"):
        await second.acquire(0.05)
    first.release()
    await second.acquire(0)
    second.release()


def test_what_is_missing_above_a_private_directory_is_private_too(tmp_path: Path) -> None:
    state.private(tmp_path / "daemun" / "x" / "discovered")
    assert state.prepare(tmp_path / "daemun" / "x")
    assert all((tmp_path / one).stat().st_mode & 0o077 == 0 for one in ("daemun", "daemun/x", "daemun/x/discovered"))
