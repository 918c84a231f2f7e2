"""What is said to the kernel's nftables. Whether it does it is shown by docs/patterns/mesh.md, which a story runs."""

import errno
import socket
import struct

import pytest

from daemun.netfilter import messages, redirection


@pytest.mark.parametrize(("made", "count"), [(messages.replaced("t", 15001, 7), 7), (messages.removed("t"), 4)])
def test_a_transaction_is_whole_messages_each_of_them_answered(made: bytes, count: int) -> None:
    kinds, at = [], 0
    while at < len(made):
        length, kind = struct.unpack_from("=IH", made, at)
        kinds.append(kind)
        at += length
    assert at == len(made)
    assert (kinds[0], kinds[-1]) == (0x10, 0x11)
    assert messages.acknowledged(made) == count == len(kinds) - 2


def test_answers_are_told_apart() -> None:
    def answer(fault: int) -> bytes:
        return struct.pack("=IHHIIi", 36, messages.NLMSG_ERROR, 0, 1, 0, -fault) + bytes(16)

    assert list(messages.faults(answer(0) + answer(errno.EPERM))) == [0, errno.EPERM]


def test_what_the_kernel_refuses_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, ours = socket.socketpair(type=socket.SOCK_SEQPACKET)
    monkeypatch.setattr(redirection.socket, "socket", lambda *_: ours)
    kernel.send(struct.pack("=IHHIIi", 36, messages.NLMSG_ERROR, 0, 1, 0, -errno.EPERM) + bytes(16))
    with pytest.raises(redirection.RedirectionError, match="Operation not permitted"):
        redirection.redirect(15001, 0)
    assert kernel.recv(65536) == messages.replaced(redirection.TABLE, 15001, 0)
    kernel.close()
