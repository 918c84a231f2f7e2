"""What is kept of Envoy's words."""

import pytest

from daemun.xds.words import reason

DUMP = '\nname: "port-80"\nvirtual_hosts {\n  name: "somebody-else.example"\n}\n'


def test_words_stay_as_they_are() -> None:
    assert reason("missing ]: [a-") == "missing ]: [a-"


@pytest.mark.parametrize("mark", ["", "goo.gle/debugproto    "])
def test_of_a_failed_validation_the_message_is_left_out(mark: str) -> None:
    about, why = "Error adding/updating listener(s) port-80: ", "Proto constraint validation failed (StatPrefix: none)"
    assert reason(f"{about}{mark}{DUMP}: {why}\n") == about + why


def test_a_value_stays_without_its_mark() -> None:
    assert reason("Invalid duration: goo.gle/debugstr   \nseconds: -5\n") == "Invalid duration: seconds: -5"


def test_what_never_ends_is_cut() -> None:
    assert len(reason("x" * 5000)) < 1100


def test_a_reason_that_envoy_cut_off_is_in_its_log() -> None:
    told = reason(f"Error adding/updating listener(s) port-80: {DUMP * 9}...(truncated)")
    assert told.startswith("Error adding/updating listener(s) port-80: it is not valid")
    assert "somebody-else" not in told
