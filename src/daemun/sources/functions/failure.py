"""Why nobody says which functions there are."""


class AskError(Exception):
    """There is no answer that can be used; the text says why, and nothing that lets somebody in.

    `after`: seconds in which not to ask again.
    """

    def __init__(self, text: str, after: float = 0.0) -> None:
        super().__init__(text)
        self.after = after
