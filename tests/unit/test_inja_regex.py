"""Regular expressions: what is read, and what is refused instead of being matched otherwise than Gloo would."""

import pytest

from daemun.inja import TemplateError, regex_program


def test_text_stays_together_and_groups_are_counted() -> None:
    assert regex_program("ab(c)d") == (["all", ["text", "ab"], ["group", 1, ["text", "c"]], ["text", "d"]], 1)


def test_alternatives_of_one_byte_are_a_set() -> None:
    assert regex_program("[a-c]|d|x") == (["set", 97, 100, 120, 120], 0)


def test_a_repetition_says_which_groups_begin_anew() -> None:
    assert regex_program("(a)(b(c))*?") == (
        [
            "all",
            ["group", 1, ["text", "a"]],
            ["repeat", ["group", 2, ["all", ["text", "b"], ["group", 3, ["text", "c"]]]], 0, -1, False, 2, 3],
        ],
        3,
    )


@pytest.mark.parametrize(
    "pattern, program",
    [
        (r"\d", ["set", 48, 57]),
        (r"[^\d\D]", ["set"]),
        (r"[a\-z]", ["set", 45, 45, 97, 97, 122, 122]),
        (r"[a-]", ["set", 45, 45, 97, 97]),
        (r"[[:digit:]]", ["set", 48, 57]),
        (r"\x41\t\/", ["text", "A\t/"]),
        (r"(?i)a", ["set", 65, 65, 97, 97]),
        (r"(?i)[^a]", ["set", 0, 64, 66, 96, 98, 255]),
        (r"a{2,3}", ["repeat", ["text", "a"], 2, 3, True, 1, 0]),
        (r"(?:)", ["all"]),
        ("", ["all"]),
    ],
)
def test_what_is_known(pattern: str, program: list[object]) -> None:
    assert regex_program(pattern)[0] == program


@pytest.mark.parametrize(
    "pattern, message",
    [
        ("(a", "1:3: unmatched '('"),
        ("a)", "1:2: unmatched ')'"),
        ("*a", "1:1: nothing to repeat with '*'"),
        ("a**", "1:4: a repetition of a repetition"),
        ("a{3,2}", "1:7: at most fewer times than at least"),
        ("a{2000}", "1:8: more than 1000 times"),
        ("[z-a]", "1:5: a range goes from one character to a later one"),
        ("[é]", "1:3: in brackets only ASCII characters"),
        (r"\p{L}", "1:3: \\p has no meaning"),
        ("(?<n>a)", "1:2: groups with '?' are (?:…), (?=…) and (?!…) only"),
        (r"(a)\2", "1:5: there is no group 2"),
        ("(?=(a))", "1:7: a group within (?=…) or (?!…)"),
        ("[a", "1:3: the expression ends too early"),
        (r"\xZZ", "1:3: \\x is followed by the hexadecimal number of an ASCII character"),
        ("(" * 31 + ")" * 31, "1:31: nested more than 30 deep"),
    ],
)
def test_what_is_refused_has_its_place(pattern: str, message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        regex_program(pattern)
    assert str(raised.value) == message
