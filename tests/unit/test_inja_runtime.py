"""Inja's runtime in Envoy's own Lua: what each function and statement gives."""

from collections.abc import Iterator

import pytest

from support.envoys.rendered import RefusedError, Rendering

DATA = {
    "name": "Peter",
    "guests": ["Jeff", "Tom", "Patrick"],
    "time": {"start": 16, "end": 22},
    "half": 1.5,
    "two": 2.0,
    "large": 12345678901234567890,
    "yes": True,
    "nothing": None,
    "empty": [],
    "quoted": 'a"b\n',
}


@pytest.fixture(scope="module")
def envoy() -> Iterator[Rendering]:
    found = Rendering()
    yield found
    found.close()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("{{ guests.1 }} {{ time.start }}", "Tom 16"),
        (
            "{{ half }} {{ two }} {{ large }} {{ yes }} {{ nothing }} {{ guests }}",
            '1.5 2.0 12345678901234567890 true  ["Jeff","Tom","Patrick"]',
        ),
        ("{{ 4 / 2 }} {{ 2 ^ 3 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 1 + 2 * 3 }} {{ 9 - 3 - 2 }}", "2.0 8 1 -1 7 4"),
        ("{{ 0.1 + 0.2 }} {{ 1e20 * 1.0 }} {{ 1.5e-7 }} {{ 123456.5 }}", "0.30000000000000004 1e+20 1.5e-07 123456.5"),
        ('{{ "a" + "b" }} {{ "a" < "b" }} {{ 1 == 1.0 }} {{ guests == 1 }}', "ab true true false"),
        ('{{ "Tom" in guests }} {{ not ("x" in guests) }} {{ 16 in time }}', "true true true"),
        (
            "{% for g in guests %}{{ loop.index1 }}{{ g }}{% if not loop.is_last %},{% endif %}{% endfor %}",
            "1Jeff,2Tom,3Patrick",
        ),
        ("{% for k, v in time %}{{ loop.index }}{{ k }}={{ v }};{% endfor %}", "0end=22;1start=16;"),
        (
            "{% for a in range(2) %}{% for b in range(2) %}{{ loop.parent.index }}{{ b }} {% endfor %}{% endfor %}",
            "00 01 10 11 ",
        ),
        ("{% if time.start > 20 %}a{% else if time.start > 10 %}b{% else %}c{% endif %}", "b"),
        (
            "{% set a.b = 1 %}{% set a.c = 2 %}{{ a.b + a.c }}{% set time.end = 1 %}{{ time.end }}{{ time.start }}",
            "3116",
        ),
        ("## if yes\nline\n## endif\nlast", "line\nlast"),
        ("{# no #}a{# -#}  \nb", "ab"),
        ("{% block b %}in{% endblock %}", "in"),
        ('{{ default(no, "x") }} {{ default(name, "x") }}', "x Peter"),
        ('{{ exists("time.end") }} {{ exists("time.no") }} {{ existsIn(time, "end") }}', "true false true"),
        ('{{ length(guests) }} {{ length(name) }} {{ upper(name) }} {{ lower("ABC") }}', "3 5 PETER abc"),
        ('{{ at(guests, 1) }} {{ at(time, "end") }} {{ first(guests) }} {{ last(guests) }}', "Tom 22 Jeff Patrick"),
        (
            '{{ sort([3,1,2]) }} {{ max([1,3,2]) }} {{ min([2.5,1.5]) }} {{ join(guests, "-") }}',
            "[1,2,3] 3 1.5 Jeff-Tom-Patrick",
        ),
        ('{{ round(2.5, 0) }} {{ round(3.14159, 2) }} {{ int("12x") }} {{ float("1.5") }}', "3 3.14 12 1.5"),
        ("{{ odd(3) }} {{ even(3) }} {{ divisibleBy(9, 3) }} {{ divisibleBy(9, 0) }}", "true false true false"),
        (
            "{{ isString(name) }} {{ isArray(guests) }} {{ isObject(time) }} {{ isBoolean(yes) }}",
            "true true true true",
        ),
        ("{{ isInteger(two) }} {{ isFloat(two) }} {{ isNumber(two) }}", "false true true"),
        (
            '{{ header("X-A") }}|{{ header("no") }}|{{ request_header("x-a") }}|{{ extraction("e") }}|{{ body }}',
            "va||va|found|raw",
        ),
        (
            '{{ base64_encode("~?>") }} {{ base64url_encode("~?>a") }} {{ base64_decode("aGk=") }}',
            "fj8+ fj8-YQ hi",
        ),
        ('{{ base64url_decode("fj8-YQ") }}{{ base64url_decode("fj8-YQ==") }}', "~?>a~?>a"),
        ('{{ base64_decode("*") }}|{{ base64_decode("aGk") }}|{{ base64url_decode("a+") }}', "||"),
        (
            '{{ substring("hello", 1, 3) }} {{ substring("hello", 3) }}|{{ substring("hello", 9) }}|',
            "ell lo||",
        ),
        (
            '{{ raw_string(quoted) }} {{ trim("  a b ") }} {{ word_count(" a b  c ") }} {{ word_count(guests) }}',
            'a\\"b\\n a b 3 3',
        ),
        ("{{ time }}", '{"end":22,"start":16}'),
        ('{{ [1, {"a": null}, "x"] }}', '[1,{"a":null},"x"]'),
        ("{{ context().time }}", '{"end":22,"start":16}'),
        ("é {{ name }} ü", "é Peter ü"),
    ],
)
def test_what_it_gives(envoy: Rendering, text: str, expected: str) -> None:
    found = envoy.render(text, DATA, headers={"x-a": "va"}, body="raw", extractions={"e": "found"})
    assert found == expected


@pytest.mark.parametrize(
    "text, problem",
    [
        ("a {{ no.such }}", "[inja.exception.render_error] (at 1:6) variable 'no.such' not found"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1 % 0 }}", "division by zero"),
        ("{{ upper(1) }}", "type must be string, but is integer"),
        ("{{ name + 1 }}", "type must be number, but is string"),
        ("{{ at(guests, 3) }}", "array index 3 is out of range"),
        ('{{ at(time, "no") }}', "key 'no' not found"),
        ("{{ first(empty) }}", "there is no element in an empty array"),
        ("{{ large + 1 }}", "an integer out of range"),
        ("{{ 9007199254740991 + 1 }}", "an integer out of range"),
        ("{% for a in name %}{% endfor %}", "[inja.exception.render_error] (at 1:4) object must be an array"),
        ("{{ range(2000000) }}", "the template took too many steps"),
        (
            "{% for a in range(1000) %}{% for b in range(1001) %}{% endfor %}{% endfor %}",
            "the template took too many steps",
        ),
        ("{% for a in range(900) %}{{ big }}{% endfor %}", "the text is too long"),
    ],
)
def test_what_fails_says_why_and_harms_nothing(envoy: Rendering, text: str, problem: str) -> None:
    with pytest.raises(RefusedError) as raised:
        envoy.render(text, DATA | {"big": "x" * 20000})
    assert str(raised.value) == problem
    assert envoy.render("{{ 1 }}") == "1"


def test_pointers_find_what_dots_cannot(envoy: Rendering) -> None:
    data = {"a": {"b.c": 1, "d/e": 2}}
    assert envoy.render("{{ a/b.c }} {{ a/d~1e }}", data, pointer=True) == "1 2"


def test_strings_are_escaped_where_that_is_wanted(envoy: Rendering) -> None:
    assert envoy.render('{{ quoted }}"{{ half }}', DATA, escape=True) == 'a\\"b\\n"1.5'


def test_the_same_pattern_becomes_the_same_random_text(envoy: Rendering) -> None:
    found = envoy.render('{{ replace_with_random("<P>", "P") }}{{ replace_with_random("P", "P") }}')
    assert found[1:23] == found[24:]
    assert len(found) == 46
    assert found != envoy.render('{{ replace_with_random("<P>", "P") }}{{ replace_with_random("P", "P") }}')


@pytest.mark.parametrize(
    "pattern, text, group, expected",
    [
        (r".*name=([^&]*).*", "/a?name=bob&x=1", 1, "bob"),
        (r"(a|ab)(c|bcd)(d*)", "abcd", 2, "bcd"),
        (r"((a)|b)+", "ab", 2, ""),
        (r"(a*)*", "aaa", 1, "aaa"),
        (r"a.c", "a\nc", 0, None),
        (r"[\s\S]*x", "a\nx", 0, "a\nx"),
        (r"(.)\1", "aa", 1, "a"),
        (r"(?=ab)a(.*)", "abc", 1, "bc"),
        (r"(?!ab)a(.*)", "abc", 1, None),
        (r"\bfoo\b.*", "foo bar", 0, "foo bar"),
        (r"a+?(a*)", "aaa", 1, "aa"),
        (r"é+", "éé", 0, "éé"),
    ],
)
def test_expressions_match_as_ecmascript_s(
    envoy: Rendering, pattern: str, text: str, group: int, expected: str | None
) -> None:
    assert envoy.group(pattern, text, group) == expected


def test_matches_are_replaced(envoy: Rendering) -> None:
    assert envoy.replace("o(.)", "foo bar box", ["<", 1, ">"]) == "f<o> bar b<x>"
    assert envoy.replace("x*", "axxb", ["-"]) == "a-b"
    assert envoy.replace_group("(.*)-(.*)", "a-b", 2, "X") == "a-X"
    assert envoy.replace_group("b", "abc", 0, "X") == "abc"


def test_an_expression_cannot_hold_a_worker_up(envoy: Rendering) -> None:
    with pytest.raises(RefusedError, match="took too many steps"):
        envoy.group("(.*)x(.*)x(.*)x(.*)y", "x" * 5000)
    with pytest.raises(RefusedError, match="took too many steps"):
        envoy.group("(a*)*b", "a" * 2000)
