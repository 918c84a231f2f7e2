"""Search filters as people write them (RFC 4515), as LDAP sends them, and names with a user's in them (RFC 4514)."""

from daemun.extauth.ldap.ber import element, text

_AND, _OR, _NOT = 0xA0, 0xA1, 0xA2
_EQUAL, _PARTS, _AT_LEAST, _AT_MOST, _PRESENT, _LIKE = 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8
_RULE, _RULE_NAME, _RULE_TYPE, _RULE_VALUE, _RULE_IN_NAME = 0xA9, 0x81, 0x82, 0x83, 0x84
_FIRST, _ANY, _LAST = 0x80, 0x81, 0x82
_DEEPEST = 20
_SPECIAL = frozenset('"+,;<>\\=#\0')


class FilterError(Exception):
    """What is wrong with a filter."""


def encoded(filter_text: str) -> bytes:
    """The filter in BER. Raises FilterError."""
    found, rest = _read(filter_text.strip(), 0)
    if rest:
        raise FilterError(f"{rest[:20]!r} is too much")
    return found


def in_name(value: str) -> str:
    """A value as it stands in a distinguished name, whatever is in it."""
    return "".join(
        f"\\{ord(one):02x}" if one in _SPECIAL or (one == " " and at in (0, len(value) - 1)) else one
        for at, one in enumerate(value)
    )


def _read(rest: str, depth: int) -> tuple[bytes, str]:
    """One filter in brackets, and what follows it."""
    if depth > _DEEPEST:
        raise FilterError("it is too deep")
    if not rest.startswith("("):
        raise FilterError("a ( is missing")
    kind = rest[1:2]
    if kind in ("&", "|"):
        inner, rest = _many(rest[2:], depth)
        found = element(_AND if kind == "&" else _OR, *inner)
    elif kind == "!":
        one, rest = _read(rest[2:], depth + 1)
        found = element(_NOT, one)
    else:
        item, bracket, rest = rest[1:].partition(")")
        if "(" in item or not bracket:
            raise FilterError("a ) is missing")
        return _item(item), rest
    if not rest.startswith(")"):
        raise FilterError("a ) is missing")
    return found, rest[1:]


def _many(rest: str, depth: int) -> tuple[list[bytes], str]:
    found: list[bytes] = []
    while rest.startswith("("):
        one, rest = _read(rest, depth + 1)
        found.append(one)
    if not found:
        raise FilterError("there is nothing in it")
    return found, rest


def _item(item: str) -> bytes:
    name, equals, value = item.partition("=")
    if not equals:
        raise FilterError(f"{item!r} has no =")
    if name.endswith(":"):
        return _by_rule(name[:-1], value)
    for sign, tag in ((">", _AT_LEAST), ("<", _AT_MOST), ("~", _LIKE)):
        if name.endswith(sign):
            return element(tag, text(_attribute(name[:-1])), text(_value(value)))
    name = _attribute(name)
    if value == "*":
        return text(name, _PRESENT)
    if "*" not in value:
        return element(_EQUAL, text(name), text(_value(value)))
    first, *middle, last = value.split("*")
    parts = [text(_value(first), _FIRST)] if first else []
    parts += [text(_value(one), _ANY) for one in middle if one]
    parts += [text(_value(last), _LAST)] if last else []
    if not parts:
        raise FilterError(f"{item!r} looks for nothing")
    return element(_PARTS, text(name), element(0x30, *parts))


def _by_rule(left: str, value: str) -> bytes:
    """What says itself how is compared, `memberOf:1.2.840.113556.1.4.1941:=…` (RFC 4511, 4.5.1.7.7)."""
    name, *more = left.split(":")
    in_name = bool(more) and more[0].lower() == "dn"
    rules = more[1:] if in_name else more
    if len(rules) > 1 or not (name or rules):
        raise FilterError(f"{left!r} says neither what is compared nor how")
    parts = [text(_attribute(one), _RULE_NAME) for one in rules]
    parts += [text(_attribute(name), _RULE_TYPE)] if name else []
    parts.append(text(_value(value), _RULE_VALUE))
    return element(_RULE, *parts, *([element(_RULE_IN_NAME, b"\xff")] if in_name else []))


def _attribute(name: str) -> str:
    if not name or not name.isascii() or not all(one.isalnum() or one in "-.;" for one in name):
        raise FilterError(f"{name!r} is no attribute")
    return name


def _value(value: str) -> bytes:
    """The value, with its escapes (`\\2a`) undone."""
    first, *escaped = value.split("\\")
    found = first.encode()
    for one in escaped:
        try:
            found += bytes.fromhex(one[:2]) if len(one) >= 2 else bytes.fromhex("x")
        except ValueError:
            raise FilterError(f"\\{one[:2]} is no escape") from None
        found += one[2:].encode()
    return found
