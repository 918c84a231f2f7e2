"""The connections that streams are on: how they are found, and what is known of one that is over."""

import contextlib
import os
import socket
from collections.abc import Callable, Iterator

import pytest

from daemun.serve import connection
from daemun.serve.connection import Connection, Connections, accepted


@pytest.fixture
def ends() -> Iterator[list[socket.socket]]:
    """The server's ends of some connections."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        made = []
        for _ in range(20):
            stack.enter_context(socket.create_connection(listening.getsockname()))
            made.append(stack.enter_context(listening.accept()[0]))
        yield made


def _peer(one: socket.socket) -> str:
    host, port = one.getpeername()
    return f"ipv4:{host}:{port}"


def test_many_are_found_at_once(ends: list[socket.socket], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each by itself would take as long as there are connections."""
    searches, search = [], connection._all

    def searching(end: Callable[[socket.socket], str]) -> Iterator[tuple[str, Connection]]:
        searches.append(1)
        return search(end)

    monkeypatch.setattr(connection, "_all", searching)
    connections = Connections()
    for one in ends:
        found = connections.find(_peer(one))
        assert found is not None
        assert found._descriptor == one.fileno()
    assert len(searches) == 1


def test_one_that_is_over_is_not_taken_for_the_next_with_its_descriptor(ends: list[socket.socket]) -> None:
    connections = Connections()
    peer = _peer(ends[0])
    found = connections.find(peer)
    assert found is not None
    assert found.there()
    with socket.socket() as other:
        os.dup2(other.fileno(), ends[0].fileno())
        assert not found.there()
        assert not found.waiting()
        assert found.taken() == 0
        found.end()
        assert connections.find(peer) is None


def test_what_others_have_connected_to_is_told_from_the_other_end_of_it(ends: list[socket.socket]) -> None:
    port = ends[0].getsockname()[1]
    assert {one._descriptor for one in accepted(port)} == {one.fileno() for one in ends}
    assert accepted("/no/such/socket") == []


def test_a_unix_socket_has_no_name_to_be_found_by() -> None:
    assert Connections().find("unix:") is None
