"""Boolean expressions over checks: what holds, against a truth table; what cannot tell opens no door."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemun.extauth.answers import Allowed, Answer, Denied, Failed, Respond
from daemun.extauth.chain import Ready
from daemun.extauth.checker import Checker, State
from daemun.extauth.request import Request
from daemun.ir.auth import Chain, Step
from daemun.ir.auth.checks import Verified
from daemun.ir.auth.expression import And, Expression, ExpressionError, Literal, Or, parse
from support.clients.asking import question

NAMES = ("a", "b", "c", "d-e.f")
SPACE = st.sampled_from(["", " ", "  ", "\t"])


class Says(Checker):
    """Always says the same, and counts."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.asked = 0

    async def check(self, request: Request, state: State) -> Answer:
        self.asked += 1
        return self.answer


Tree = tuple[str, ...] | tuple[str, "Tree"] | tuple[str, "Tree", "Tree"]
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.sampled_from(NAMES).map(lambda name: ("name", name)),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner),
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
    ),
    max_leaves=12,
)


def text(tree: Tree, draw: st.DataObject) -> str:
    """An expression that means the tree, with brackets where they are needed and spaces anywhere."""
    gap = draw.draw(SPACE)
    match tree:
        case ("name", str(name)):
            return name
        case ("not", inner):
            return f"!{gap}({text(inner, draw)})"
        case (kind, left, right):
            operator = "&&" if kind == "and" else "||"
            return f"({text(left, draw)}){gap}{operator}{gap}({gap}{text(right, draw)})"
    raise AssertionError(tree)


def value(tree: Tree, true: dict[str, bool | None]) -> bool | None:
    """Kleene's truth table: None is what nobody can tell."""
    match tree:
        case ("name", str(name)):
            return true[name]
        case ("not", inner):
            found = value(inner, true)
            return None if found is None else not found
        case (kind, left, right):
            pair = (value(left, true), value(right, true))
            decides = kind == "or"
            return decides if decides in pair else None if None in pair else not decides
    raise AssertionError(tree)


def ready(expression: str, answers: dict[str, Answer], **fields: bool) -> tuple[Ready, dict[str, Says]]:
    checkers = {name: Says(answer) for name, answer in answers.items()}
    steps = tuple(Step(name, Verified()) for name in checkers)
    return Ready(Chain("chain", steps, expression, **fields), checkers), checkers


def ask(chain: Ready) -> Answer:
    return asyncio.run(chain.ask(Request(question("chain", {}))))


ANSWERS: dict[bool | None, Answer] = {True: Allowed(), False: Denied(), None: Failed("down")}


@given(TREES, st.fixed_dictionaries({name: st.sampled_from([True, False, None]) for name in NAMES}), st.data())
def test_a_request_passes_exactly_if_the_truth_table_says_so(
    tree: Tree, true: dict[str, bool | None], data: st.DataObject
) -> None:
    chain, checkers = ready(text(tree, data), {name: ANSWERS[true[name]] for name in NAMES})
    assert isinstance(ask(chain), Allowed) is (value(tree, true) is True)
    assert all(one.asked <= 12 for one in checkers.values())


@given(TREES, st.fixed_dictionaries({name: st.booleans() for name in NAMES}), st.data())
def test_what_cannot_tell_never_lets_in_what_would_not_come_in_without_it(
    tree: Tree, true: dict[str, bool], data: st.DataObject
) -> None:
    expression = text(tree, data)
    broken = {name: Failed("down") if name == "a" else ANSWERS[true[name]] for name in NAMES}
    chain, _ = ready(expression, broken)
    if isinstance(ask(chain), Allowed):
        for either in (True, False):
            assert value(tree, {**true, "a": either}) is True


@given(st.text(alphabet="ab !&|()\t'\"x-é", max_size=30))
def test_any_text_is_read_or_refused_with_a_place(expression: str) -> None:
    position = 1
    try:
        parse(expression, NAMES)
    except ExpressionError as error:
        position = error.position
    assert 1 <= position <= len(expression) + 1


A, B, C = (Literal(name) for name in "abc")


@pytest.mark.parametrize(
    ("expression", "meaning"),
    [
        ("a", A),
        ("a && b || c", Or((And((A, B)), C))),
        ("a || b && c", Or((A, And((B, C))))),
        ("a && (b || !c)", And((A, Or((B, Literal("c", negated=True)))))),
        ("!!a", A),
        ("!(a && b)", Or((Literal("a", negated=True), Literal("b", negated=True)))),
        ("a&&b&&c", And((A, B, C))),
    ],
)
def test_how_it_binds(expression: str, meaning: Expression) -> None:
    assert parse(expression, NAMES) == meaning


@pytest.mark.parametrize(
    ("expression", "position"),
    [
        ("", 1),
        ("a &&", 5),
        ("a & b", 3),
        ("(a", 3),
        ("a)", 2),
        ("a b", 3),
        ("x", 1),
        ("a && !", 7),
        ("&& a", 1),
        ("a é", 3),
    ],
)
def test_what_is_wrong_has_a_place(expression: str, position: int) -> None:
    with pytest.raises(ExpressionError) as error:
        parse(expression, NAMES)
    assert error.value.position == position


def test_depth_and_length_are_bounded() -> None:
    for expression in ("(" * 5000 + "a" + ")" * 4000, "!" * 5000 + "a", "a" + " && a" * 5000):
        with pytest.raises(ExpressionError):
            parse(expression, NAMES)


def test_what_is_decided_is_not_asked() -> None:
    for expression, answers, asked in (
        ("a && b", (False, True), (1, 0)),
        ("a || b", (True, True), (1, 0)),
        ("a || b", (False, True), (1, 1)),
        ("", (False, True), (1, 0)),
    ):
        chain, checkers = ready(expression, dict(zip("ab", (ANSWERS[one] for one in answers), strict=True)))
        ask(chain)
        assert tuple(one.asked for one in checkers.values()) == asked


LOGIN = Respond(302, (("location", "https://idp/"),), login=True)


def test_an_answer_of_its_own_ends_the_chain() -> None:
    chain, checkers = ready("a || b", {"a": LOGIN, "b": Allowed()})
    assert ask(chain) == LOGIN
    assert checkers["b"].asked == 0


def test_with_fail_on_redirect_it_is_a_denial() -> None:
    chain, _ = ready("a", {"a": LOGIN}, fail_on_redirect=True)
    assert ask(chain) == Denied(401)
    chain, _ = ready("a || b", {"a": LOGIN, "b": Allowed("bob")}, fail_on_redirect=True)
    assert ask(chain) == Allowed("bob")
    chain, _ = ready("a", {"a": Respond(200)}, fail_on_redirect=True)
    assert ask(chain) == Respond(200), "what comes back from the provider is no redirect to it"


def test_whoever_is_not_logged_in_passes_where_nobody_may_be() -> None:
    chain, _ = ready("!a", {"a": LOGIN})
    assert ask(chain) == Allowed()
    chain, _ = ready("!a", {"a": Allowed("ann")})
    assert ask(chain) == Denied(403)


def test_only_what_the_request_passes_by_goes_on() -> None:
    ann = Allowed("ann", upstream=(("x-a", "1"),))
    chain, _ = ready("(a && b) || c", {"a": ann, "b": Denied(), "c": Allowed("c", upstream=(("x-c", "1"),))})
    assert ask(chain) == Allowed("c", upstream=(("x-c", "1"),))
