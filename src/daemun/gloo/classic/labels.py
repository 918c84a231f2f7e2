"""Objects by their labels, as Gloo's selectors say it."""

from collections.abc import Iterable, Mapping

from daemun.api.gloo.common import Expression

ALL_NAMESPACES = "*"


def selects(labels: Mapping[str, str], wanted: Mapping[str, str], expressions: Iterable[Expression]) -> bool:
    """Whether an object with these labels has all that are wanted, and every expression holds."""
    return wanted.items() <= labels.items() and all(holds(one, labels) for one in expressions)


def holds(expression: Expression, labels: Mapping[str, str]) -> bool:
    """Whether an expression holds, as Kubernetes' selectors do: without the label, only what denies it."""
    value = labels.get(expression.key)
    match expression.operator:
        case "Equals" | "DoubleEquals" | "In":
            return value is not None and value in expression.values
        case "NotEquals" | "NotIn":
            return value is None or value not in expression.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "GreaterThan":
            return _compared(value, expression.values, 1)
        case "LessThan":
            return _compared(value, expression.values, -1)


def _compared(value: str | None, bounds: tuple[str, ...], sign: int) -> bool:
    """Whether a number is larger (or smaller) than the only bound."""
    try:
        number, bound = int(value or ""), int(bounds[0] if len(bounds) == 1 else "")
    except ValueError:
        return False
    return (number - bound) * sign > 0


def in_namespaces(namespace: str, wanted: Iterable[str], otherwise: str) -> bool:
    """Whether a namespace is one of those that are wanted, where `*` means all; `otherwise` is meant by none."""
    given = tuple(wanted) or (otherwise,)
    return ALL_NAMESPACES in given or namespace in given
