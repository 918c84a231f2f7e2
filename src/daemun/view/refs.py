"""The names that people type for objects, `httproute/shop/cart` or just `cart`, and what they may have meant."""

import difflib
from collections.abc import Iterable

from daemun.base.names import Ref
from daemun.translate import Translation

_SHORT = {"vs": "virtualservice", "rt": "routetable", "us": "upstream", "gw": "gateway", "gtw": "gateway"}


class NoSuchObject(Exception):  # noqa: N818 - said to a person; nothing of the program's went wrong
    """There is no such object, or several: `text` says so, and `mend` what there is."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.text, self.mend = text, mend


def nearest(word: str, words: Iterable[str]) -> str:
    """What may have been meant by a word that is none of these."""
    known = list(dict.fromkeys(words))
    endings = {
        "/".join(parts[at:]).lower(): one for one in known for parts in (one.split("/"),) for at in range(len(parts))
    }
    found = difflib.get_close_matches(word.lower(), endings, 1)
    if found:
        return f"Did you mean {endings[found[0]]}?"
    return f"There are: {', '.join(known[:12])}{', ...' if known[12:] else ''}." if known else "There are none."


def find(translation: Translation, text: str, kinds: Iterable[str]) -> Ref:
    """The object that is written as `[KIND/][NAMESPACE/]NAME`, of one of these kinds. Raises NoSuchObject."""
    wanted = tuple(kinds)
    *first, name = text.split("/")
    kind = kind_of(first[0], wanted) if first else ""
    if kind:
        first = first[1:]
    elif len(first) > 1:
        raise NoSuchObject(f"{first[0]} is not a kind of object here", nearest(first[0], map(str.lower, wanted)))
    there = [
        Ref(*key, *name_of)
        for key, source in translation.sources.items()
        if key[1] in ((kind,) if kind else wanted)
        for name_of in source
    ]
    found = [one for one in there if one.name == name and (not first or one.namespace == first[0])]
    if len(found) == 1:
        return found[0]
    if found:
        choice = ", ".join(spelled(one) for one in sorted(found))
        raise NoSuchObject(f"there are several objects called {text}", f"Name one of them: {choice}.")
    what = kind or (" or ".join(wanted) if len(wanted) < 3 else "such object")
    raise NoSuchObject(f"there is no {what} {'/'.join([*first, name])}", nearest(text, map(spelled, sorted(there))))


def spelled(ref: Ref) -> str:
    """An object as `find` reads it."""
    return "/".join(part for part in (ref.kind.lower(), ref.namespace, ref.name) if part)


def kind_of(word: str, wanted: Iterable[str]) -> str:
    """The kind that is meant by a word: its name, in any case, one or many, with or without its group."""
    lower = word.lower().partition(".")[0]
    lower = _SHORT.get(lower, lower)
    return next((one for one in wanted if lower in (one.lower(), _plural(one))), "")


def _plural(kind: str) -> str:
    lower = kind.lower()
    if lower.endswith("y"):
        return f"{lower[:-1]}ies"
    return f"{lower}es" if lower.endswith("s") else f"{lower}s"
