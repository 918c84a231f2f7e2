"""What a template reads, so that a body that nothing reads need not be waited for."""

from collections.abc import Iterator

from daemun.inja.nodes import Block, Call, Expression, For, If, Output, Set, Statement, Variable


def reads_body(block: Block) -> bool:
    """Whether a template reads the body as it is (and not as the JSON that it may hold)."""
    return any(_reads(expression) for statement in block for expression in _expressions(statement))


def _reads(one: Expression) -> bool:
    if isinstance(one, Variable):
        return one.name == "body"
    return isinstance(one, Call) and (one.operation == "body" or any(_reads(argument) for argument in one.arguments))


def _expressions(one: Statement) -> Iterator[Expression]:
    if isinstance(one, Output | Set):
        yield one.expression
    blocks: tuple[Block, ...] = ()
    if isinstance(one, If):
        yield one.condition
        blocks = (one.then, one.otherwise)
    elif isinstance(one, For):
        yield one.items
        blocks = (one.body,)
    for block in blocks:
        for statement in block:
            yield from _expressions(statement)
