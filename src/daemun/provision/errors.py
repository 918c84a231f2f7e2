"""What goes wrong around proxies, with what to do about it."""


class ProvisionError(Exception):
    """A proxy, its binary or its state directory cannot be used. `mend` says what to do."""

    def __init__(self, text: str, mend: str = "") -> None:
        super().__init__(f"{text} {mend}".rstrip())
        self.text = text
        self.mend = mend
