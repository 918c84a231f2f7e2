"""Bags: sets of hashable items in a table, by key. A lone item is stored without a set around it.

Most keys have just one reader, and most index values just one entry. A dictionary of one weighs 232 bytes; at fifty
thousand routes that would be most of the memory. Items are never dictionaries themselves, so the two can be told apart.
"""

from collections.abc import Hashable, Iterable
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
Bags = dict[K, Any]
"""Key to a lone item, or to a dictionary whose keys are the items."""


def put(bags: Bags[K], key: K, item: Hashable) -> bool:
    """Add an item under the key; whether it was not there."""
    found = bags.get(key)
    if found is None:
        bags[key] = item
    elif type(found) is dict:
        if item in found:
            return False
        found[item] = None
    elif found == item:
        return False
    else:
        bags[key] = {found: None, item: None}
    return True


def take(bags: Bags[K], key: K, item: Hashable) -> None:
    """Remove an item from under the key, and the key with its last item."""
    found = bags.get(key)
    if type(found) is dict:
        found.pop(item, None)
        if len(found) == 1:
            bags[key] = next(iter(found))
    elif found is not None and found == item:
        del bags[key]


def items(bags: Bags[K], key: K) -> Iterable[Any]:
    """The items under the key."""
    found = bags.get(key)
    if found is None:
        return ()
    return found if type(found) is dict else (found,)


def count(bags: Bags[K], key: K) -> int:
    """How many items there are under the key."""
    found = bags.get(key)
    if found is None:
        return 0
    return len(found) if type(found) is dict else 1
