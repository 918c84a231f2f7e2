"""Laws of templates: what Envoy renders is what a few lines of Python say it is, and no text gets out of them."""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemun.inja import TemplateError, parse, template_program
from daemun.inja.functions import FUNCTIONS, OPERATORS
from support.envoys.rendered import RefusedError, Rendering

_SOME = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
DATA: dict[str, Any] = {
    "name": "Peter",
    "items": ["a", "", "b c"],
    "count": 3,
    "inner": {"x": "X", "y": -2},
    "on": True,
}


@pytest.fixture(scope="module")
def envoy() -> Iterator[Rendering]:
    found = Rendering()
    yield found
    found.close()


# A template and what it gives, made together.

_words = st.text(st.characters(codec="utf-8", exclude_characters="{}#%\r"), max_size=8)
_numbers = st.integers(-1000, 1000)


def _quoted(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_strings: st.SearchStrategy[tuple[str, str]] = st.recursive(
    st.one_of(
        _words.map(lambda text: (_quoted(text), text)),
        st.sampled_from([("name", "Peter"), ("inner.x", "X"), ("items.2", "b c")]),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} + {two[1][0]})", two[0][1] + two[1][1])),
        inner.map(lambda one: (f"default({one[0]}, 1)", one[1])),
        inner.map(lambda one: (f"default(nobody.here, {one[0]})", one[1])),
        inner.map(lambda one: (f"base64_decode(base64_encode({one[0]}))", one[1])),
        inner.map(lambda one: (f"base64url_decode( base64url_encode({one[0]}) )", one[1])),
    ),
    max_leaves=5,
)
_integers: st.SearchStrategy[tuple[str, int]] = st.recursive(
    st.one_of(
        _numbers.map(lambda n: (str(n), n)),
        st.sampled_from([("count", 3), ("inner.y", -2)]),
        _strings.map(lambda one: (f"length({one[0]})", len(one[1].encode()))),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} + {two[1][0]})", two[0][1] + two[1][1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} - {two[1][0]})", two[0][1] - two[1][1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]} * {two[1][0]})", two[0][1] * two[1][1])),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda many: (f"max({json.dumps([n for _, n in many])})", max(n for _, n in many))
        ),
    ),
    max_leaves=5,
)
_truths: st.SearchStrategy[tuple[str, bool]] = st.recursive(
    st.one_of(
        st.just(("on", True)),
        st.tuples(_integers, _integers).map(lambda two: (f"{two[0][0]} < {two[1][0]}", two[0][1] < two[1][1])),
        st.tuples(_strings, _strings).map(lambda two: (f"{two[0][0]} == {two[1][0]}", two[0][1] == two[1][1])),
        _strings.map(lambda one: (f"{one[0]} in items", one[1] in DATA["items"])),
    ),
    lambda inner: st.one_of(
        inner.map(lambda one: (f"not ({one[0]})", not one[1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) and ({two[1][0]})", two[0][1] and two[1][1])),
        st.tuples(inner, inner).map(lambda two: (f"({two[0][0]}) or ({two[1][0]})", two[0][1] or two[1][1])),
    ),
    max_leaves=3,
)
_outputs = st.one_of(
    _strings.map(lambda one: (f"{{{{ {one[0]} }}}}", one[1])),
    _integers.map(lambda one: (f"{{{{ {one[0]} }}}}", str(one[1]))),
    _truths.map(lambda one: (f"{{{{ {one[0]} }}}}", "true" if one[1] else "false")),
    _words.map(lambda text: (text, text)),
)
_templates: st.SearchStrategy[tuple[str, str]] = st.recursive(
    _outputs,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda many: ("".join(t for t, _ in many), "".join(v for _, v in many))),
        st.tuples(_truths, inner, inner).map(
            lambda all_: (
                f"{{% if {all_[0][0]} %}}{all_[1][0]}{{% else %}}{all_[2][0]}{{% endif %}}",
                all_[1][1] if all_[0][1] else all_[2][1],
            )
        ),
        inner.map(
            lambda one: (
                f"{{% for one in items %}}{{{{ loop.index }}}}{{{{ one }}}}{one[0]}{{% endfor %}}",
                "".join(f"{i}{item}{one[1]}" for i, item in enumerate(DATA["items"])),
            )
        ),
        st.tuples(_strings, inner).map(
            lambda two: (f"{{% set own = {two[0][0]} %}}{two[1][0]}{{{{ own }}}}", f"{two[1][1]}{two[0][1]}")
        ),
    ),
    max_leaves=4,
)


@given(made=_templates)
@_SOME
def test_what_is_rendered_is_what_python_says(envoy: Rendering, made: tuple[str, str]) -> None:
    text, expected = made
    if "{% set own" in text and text.count("{% set own") > 1:
        return
    assert envoy.render(text, DATA) == expected.removeprefix("\ufeff")


_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=_json)
@_SOME
def test_json_goes_through_unharmed(envoy: Rendering, value: Any) -> None:
    found = envoy.render("{{ dump.it }}", {"dump": {"it": [value]}})
    assert json.dumps(json.loads(found), sort_keys=True) == json.dumps([value], sort_keys=True)


@given(text=st.text(st.sampled_from('[]{},:"\\u0123aefltrsn.+-eE \x00\n'), max_size=12))
@_SOME
def test_what_is_json_is_agreed_on(envoy: Rendering, text: str) -> None:
    def finite(number: str) -> float:
        found = float(number)
        if found in {float("inf"), -float("inf")}:
            raise ValueError
        return found

    try:
        json.dumps(json.loads(text, parse_constant=finite, parse_float=finite), ensure_ascii=False).encode()
        expected = True
    except ValueError:
        expected = False
    try:
        envoy.parse(text)
        found = True
    except RefusedError:
        found = False
    assert found == expected


_atoms = st.sampled_from(["a", "b", ".", "[ab]", "[^a]", r"\w", "ab"])
_patterns = st.recursive(
    _atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        # What may be empty is not repeated: there Python and ECMAScript differ.
        st.tuples(
            inner.filter(lambda one: not re.fullmatch(one, "")),
            st.sampled_from(["*", "+", "?", "*?", "+?", "{1,2}", "{2}"]),
        ).map(lambda two: f"(?:{two[0]}){two[1]}"),
        st.tuples(_atoms.filter(lambda one: one != "ab"), st.sampled_from(["*", "+", "*?"])).map("".join),
    ),
    max_leaves=6,
)


@given(before=_patterns, inside=_patterns, after=_patterns, text=st.text(st.sampled_from("abc"), max_size=8))
@_SOME
def test_expressions_match_as_python_s_do(envoy: Rendering, before: str, inside: str, after: str, text: str) -> None:
    pattern = f"{before}({inside}){after}"
    expected = re.fullmatch(pattern, text)
    assert envoy.group(pattern, text, 1) == (expected.group(1) if expected else None)


@given(pattern=_patterns, text=st.text(st.sampled_from("abc"), max_size=8))
@_SOME
def test_matches_are_replaced_as_python_does(envoy: Rendering, pattern: str, text: str) -> None:
    # Python replaces empty matches too, so the pattern is one that has none.
    assert envoy.replace(f"c{pattern}", text, ["<", 0, ">"]) == re.sub(f"c(?:{pattern})", r"<\g<0>>", text)


# Whatever is written.

_pieces = st.one_of(
    st.sampled_from(
        [
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "##",
            "-",
            "\n",
            " ",
            "(",
            ")",
            "[",
            "]",
            '"',
            ",",
            ".",
            "=",
            "if",
            "endif",
            "for",
            "in",
            "endfor",
            "set",
            "else",
            "1",
            "os",
            "_G",
            "loadstring",
            "\\",
            "]]",
            "--",
        ]
    ),
    st.sampled_from([*FUNCTIONS, *OPERATORS]),
    st.text(max_size=4),
)


@given(text=st.lists(_pieces, max_size=20).map("".join))
@_SOME
def test_any_text_is_refused_in_python_or_does_no_harm_in_envoy(envoy: Rendering, text: str) -> None:
    # `run` fails the test on anything but what was rendered and what a client may be told.
    with contextlib.suppress(TemplateError, RefusedError):
        envoy.run(template_program(parse(text), text), DATA)


@given(text=_words.filter(lambda text: "\ufeff" not in text))
@_SOME
def test_text_is_never_anything_but_text(envoy: Rendering, text: str) -> None:
    assert envoy.render(f"{text}{{{{ {_quoted(text)} }}}}") == text + text
