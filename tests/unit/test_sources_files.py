"""Nothing outside the folder, and nothing that is not a file, is ever read."""

import os
import socket
from pathlib import Path

import pytest

from daemun.sources import files
from daemun.sources.beneath import Unusable
from daemun.sources.files import Key, Listing, Tree


def listed(*paths: Path) -> Listing:
    return Tree(tuple(str(path) for path in paths)).list()


def names(listing: Listing) -> list[str]:
    return [key.name for key in sorted(listing.files)]


def refusals(listing: Listing) -> dict[str, str]:
    return {key.name: found.refusal.text for key, found in listing.files.items() if found.refusal}


def test_manifests_below_a_folder(tmp_path: Path) -> None:
    for name in ("b.yaml", "a/c.yml", "a/d.json", "a/e.txt", ".hidden.yaml", ".git/f.yaml", "a/.x/g.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    assert names(listed(tmp_path)) == ["a/c.yml", "a/d.json", "b.yaml"]
    assert [tuple(key) for key in listed(tmp_path / "b.yaml").files] == [(0, "")]


def test_a_file_reached_twice_counts_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a.yaml").write_text("")
    (tmp_path / "alias").symlink_to("real")
    (tmp_path / "loop").symlink_to(".")
    (tmp_path / "0.yaml").symlink_to("real/a.yaml")
    (tmp_path / "hard.yaml").hardlink_to(tmp_path / "real/a.yaml")
    assert len(names(listed(tmp_path, tmp_path / "real"))) == 1


def test_kubernetes_volumes(tmp_path: Path) -> None:
    (tmp_path / "..2024_01").mkdir()
    (tmp_path / "..2024_01/a.yaml").write_text("x")
    (tmp_path / "..data").symlink_to("..2024_01")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")
    listing = listed(tmp_path)
    assert names(listing) == ["a.yaml"]
    assert not refusals(listing)
    assert Tree((str(tmp_path),)).read(Key(0, "a.yaml"))[0] == b"x"
    assert Tree((str(tmp_path / "a.yaml"),)).read(Key(0, ""))[0] == b"x"


def test_symlinks_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (tmp_path / "outside.yaml").write_text("secret")
    (tmp_path / "dir").mkdir()
    (root / "ok.yaml").write_text("")
    (root / "relative.yaml").symlink_to("../outside.yaml")
    (root / "absolute.yaml").symlink_to(tmp_path / "outside.yaml")
    (root / "in/up.yaml").symlink_to("../../outside.yaml")
    (root / "through.yaml").symlink_to("out/x.yaml")
    (root / "out").symlink_to(tmp_path / "dir")
    (root / "dangling.yaml").symlink_to("nowhere")
    (root / "circle.yaml").symlink_to("circle.yaml")
    (root / "README").symlink_to("/etc/hostname")
    (root / "fine.yaml").symlink_to(root / "in/../sub/x.yaml")
    (root / "sub").mkdir()
    (root / "sub/x.yaml").write_text("")
    listing = listed(root)
    found = refusals(listing)
    assert {name for name, text in found.items() if "out of the folder" in text} == {
        "relative.yaml", "absolute.yaml", "in/up.yaml", "through.yaml",
    }  # fmt: skip
    assert "nothing" in found["dangling.yaml"]
    assert "circle" in found["circle.yaml"]
    assert [key.name for key, _ in listing.notes] == ["out"]
    assert set(names(listing)) - set(found) == {"ok.yaml", "sub/x.yaml"}


def test_pipes_sockets_devices_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)
    server = socket.socket(socket.AF_UNIX)
    server.bind("socket.yaml")
    with (tmp_path / "large.yaml").open("wb") as large:
        large.truncate(1 << 30)
    found = refusals(listed(tmp_path))
    server.close()
    assert set(found) == {"pipe.yaml", "socket.yaml", "large.yaml"}
    assert "16 MiB" in found["large.yaml"]
    for name in found:
        with pytest.raises(Unusable):
            Tree((str(tmp_path),)).read(Key(0, name))
    for path in ("pipe.yaml", "/dev/null"):
        with pytest.raises(Unusable):
            Tree((path,)).read(Key(0, ""))


def test_a_swap_between_listing_and_reading_does_not_escape(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a").mkdir(parents=True)
    outside.mkdir()
    (outside / "x.yaml").write_text("secret")
    (root / "a/x.yaml").write_text("")
    tree = Tree((str(root),))
    (key,) = tree.list().files
    (root / "a").rename(root / "b")
    (root / "a").symlink_to(outside)
    with pytest.raises(Unusable, match="out of the folder"):
        tree.read(key)


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("x")
    real = os.pread

    def growing(descriptor: int, size: int, offset: int) -> bytes:
        with path.open("a") as file:
            file.write("y")
        return real(descriptor, size, offset)

    monkeypatch.setattr(os, "pread", growing)
    with pytest.raises(Unusable) as caught:
        Tree((str(tmp_path),)).read(Key(0, "a.yaml"))
    assert caught.value.busy


def test_what_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = listed(tmp_path / "none")
    assert listing.notes[0][1].text == "does not exist"
    assert listing.in_hole(Key(0, "a.yaml"))
    assert not listing.in_hole(Key(0, ""))
    monkeypatch.setattr(files, "MAX_FILES", 2)
    for name in ("a.yaml", "b.yaml", "c.yaml"):
        (tmp_path / name).write_text("")
    listing = listed(tmp_path)
    assert names(listing) == ["a.yaml", "b.yaml"]
    assert listing.in_hole(Key(0, "c.yaml"))


def test_names_that_are_not_text(tmp_path: Path) -> None:
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.yaml"))).write_text("")
    (key,) = listed(tmp_path).files
    assert files.shown(key.name) == "\ufffd.yaml"
