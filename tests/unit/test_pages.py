"""Pages that are run: what is a command, and that a page which says something else than what happens is a failure."""

from pathlib import Path

import pytest

from support.checks import pages

PAGE = """# A page

## One

```console
$ echo one; echo two \\
  three
one
two three
$ printf '%s\\n' "a
b"
b
```

Text, and what is no command:

```yaml
$ no
```

## Two

```console
$ echo one
two
```

```console
$ false
```
"""


@pytest.fixture(autouse=True)
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text(PAGE)
    monkeypatch.setattr(pages, "ROOT", tmp_path)


def test_commands() -> None:
    assert list(pages.steps("a.md", "One")) == [
        ("echo one; echo two \\\n  three", ["one", "two three"]),
        ("printf '%s\\n' \"a\nb\"", ["b"]),
    ]
    pages.run("a.md", "One")


def test_what_is_not_so() -> None:
    with pytest.raises(AssertionError, match="echo one"):
        pages.run("a.md", "Two")


def test_what_fails() -> None:
    with pytest.raises(AssertionError, match="false"), pages._shell(more={}) as shell:
        shell.answers(pages.Step("false", []))


def test_a_section_that_is_not_there() -> None:
    with pytest.raises(AssertionError, match="no section"):
        list(pages.steps("a.md", "Three"))


def test_files_of_a_page(tmp_path: Path) -> None:
    shown = "```yaml\n# in/a.yaml\na: 1\n```\n\n```yaml\n# of nothing\n```\n\n"
    shown += "```console\n$ cat in/a.yaml; ls\na: 1\nin\n```\n"
    (tmp_path / "docs" / "b.md").write_text(shown)
    assert pages.files("b.md") == {"in/a.yaml": "# in/a.yaml\na: 1\n"}
    pages.run("b.md")
    (tmp_path / "docs" / "b.md").write_text(shown.replace("\nin\n", "\ndocs\n"))
    with pytest.raises(AssertionError, match=r"cat in/a\.yaml"):
        pages.run("b.md")
