"""Templates: what is read, and where what is wrong is said to be."""

import pytest

from daemun.inja import TemplateError, parse, reads_body, template_program
from daemun.inja.nodes import Call, For, If, Literal, Output, Set, Text, Variable


def test_text_and_an_expression_are_two_nodes() -> None:
    assert parse("Hello {{ name }}!") == (Text("Hello "), Output(Variable("name", ("name",), 9)), Text("!"))


def test_operators_bind_as_inja_s_do() -> None:
    (found,) = parse("{{ 1 + 2 * 3 == 7 and not a }}")
    sum_ = Call("add", (Literal(1), Call("multiply", (Literal(2), Literal(3)), 9)), 5)
    assert found == Output(
        Call("and", (Call("equal", (sum_, Literal(7)), 13), Call("not", (Variable("a", ("a",), 26),), 22)), 18)
    )


def test_a_power_binds_to_the_right_and_a_minus_to_the_left() -> None:
    (power, minus) = parse("{{ 2^3^2 }}{{ 9 - 3 - 2 }}")
    assert power == Output(Call("power", (Literal(2), Call("power", (Literal(3), Literal(2)), 6)), 4))
    assert isinstance(minus, Output)
    assert minus.expression == Call("subtract", (Call("subtract", (Literal(9), Literal(3)), 16), Literal(2)), 20)


def test_statements_nest() -> None:
    (loop,) = parse("{% for k, v in a %}{% if v %}x{% else if k %}y{% else %}z{% endif %}{% endfor %}")
    assert isinstance(loop, For)
    assert (loop.key, loop.value) == ("k", "v")
    (choice,) = loop.body
    assert isinstance(choice, If)
    (second,) = choice.otherwise
    assert isinstance(second, If)
    assert (choice.then, second.then, second.otherwise) == ((Text("x"),), (Text("y"),), (Text("z"),))


def test_a_variable_is_set_by_parts() -> None:
    assert parse("{% set a.b = 1 %}") == (Set(("a", "b"), Literal(1)),)


def test_pointers_are_parts_with_slashes_and_escapes() -> None:
    (found,) = parse("{{ time/a~1b.c }}", pointer=True)
    assert isinstance(found, Output)
    assert isinstance(found.expression, Variable)
    assert found.expression.path == ("time", "a/b.c")


@pytest.mark.parametrize(
    "text, blocks",
    [
        ("a\n  {%- if x %}b{% endif %}", "a\n"),
        ("a {%- if x %}b{% endif %}", "a "),
        ("\t{{- x }}", ""),
    ],
)
def test_space_goes_from_a_line_that_has_nothing_else(text: str, blocks: str) -> None:
    first = parse(text)[0]
    assert (first.text if isinstance(first, Text) else "") == blocks


def test_what_follows_a_minus_that_closes_loses_its_space() -> None:
    assert parse("{{ x -}} \n\n y")[1] == Text("y")


@pytest.mark.parametrize(
    "text, message",
    [
        ("{{ name", "1:8: expected the end of {{, got 'the end'"),
        ("a\nb {{ unknown(1) }}", "2:6: there is no function unknown()"),
        ("{{ header() }}", "1:4: header() takes 1 argument, not 0"),
        ("{{ substring(a) }}", "1:4: substring() takes 2 or 3 arguments, not 1"),
        ("{% if a %}x", "1:4: if without its endif"),
        ("{% endfor %}", "1:4: endfor is no statement here"),
        ("{{ a b }}", "1:8: expected an operator or the end of the expression"),
        ("{{ 1 + }}", "1:6: '+' has too few arguments"),
        ("{{ }}", "1:4: expected an expression"),
        ("{{ 'a' }}", '1:4: unexpected "\'"'),
        ('{{ "a }}', "1:4: the string is not closed"),
        ("{{ [a] }}", "1:4: '[a]' is no JSON"),
        ("{{ -x }}", "1:4: '-' is no JSON"),
        ("{{ 1e999 }}", "1:4: '1e999' is no JSON"),
        ('{{ "\\ud800" }}', "1:4: '\"\\\\ud800\"' is no JSON"),
        ("{# never", "1:1: the comment is not closed with #}"),
        ('{% include "/etc/passwd" %}', "1:4: include: there are no other templates"),
        ('{% extends "x" %}', "1:4: extends: there are no other templates"),
        (
            "{{ cluster_metadata(a) }}",
            "1:4: cluster_metadata() is not possible: Envoy shows a script no metadata of clusters",
        ),
        ("{{ a | upper }}", "1:6: unexpected '|'"),
        ("{% set = 1 %}", "1:8: expected a name, got '='"),
        ("{% for a of b %}{% endfor %}", "1:10: expected 'in', got 'of'"),
        ("{{ " + "(" * 60, "1:53: nested more than 50 deep"),
    ],
)
def test_what_is_wrong_has_its_place(text: str, message: str) -> None:
    with pytest.raises(TemplateError) as raised:
        parse(text)
    assert str(raised.value) == message


def test_a_template_that_is_too_long_is_refused() -> None:
    with pytest.raises(TemplateError, match="more than 65536 characters"):
        parse("a" * 65537)


def test_a_program_is_data() -> None:
    text = 'a {{ header("x") }}{% if b %}c{% endif %}'
    assert template_program(parse(text), text) == [
        "a ",
        ["out", ["header", "1:6", ["literal", "x"]]],
        ["if", ["variable", "1:26", "b", ["b"]], ["c"], []],
    ]


def test_the_environment_is_shut_unless_a_name_is_let_in() -> None:
    text = '{{ env("HOME") }}'
    with pytest.raises(TemplateError, match=r"1:4: env\(\): templates may not read 'HOME'"):
        template_program(parse(text), text)
    assert template_program(parse(text), text, env=("HOME",)) == [
        ["out", ["env", "1:4", ["literal", "HOME"], ["HOME"]]]
    ]


@pytest.mark.parametrize(
    "text, reads",
    [
        ("{{ body() }}", True),
        ("{{ upper(body) }}", True),
        ("{% if a %}{{ b }}{% else %}{% set c = body() %}{% endif %}", True),
        ("{% for a in b %}{{ body() }}{% endfor %}", True),
        ('{{ header("body") }}{{ a }}', False),
    ],
)
def test_who_reads_the_body_is_known(text: str, reads: bool) -> None:
    assert reads_body(parse(text)) is reads
