"""What is wrong with a template, and where in its text."""


class TemplateError(ValueError):
    """A template, or a regular expression, that cannot be used. `line` and `column` count from 1."""

    def __init__(self, message: str, text: str, position: int) -> None:
        self.message = message
        self.line, self.column = location(text, position)
        super().__init__(f"{self.line}:{self.column}: {message}")


def location(text: str, position: int) -> tuple[int, int]:
    """The line and the column of a position in a text, both from 1."""
    before = text[:position]
    return before.count("\n") + 1, position - before.rfind("\n")
