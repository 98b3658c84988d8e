"""Finds the users who hold sockets of this machine, by a query to the Linux kernel.

The protocol is sock_diag(7) over netlink(7), which ``ss`` uses too; its structures are in ``linux/inet_diag.h``.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_ALL = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3
_MAX_REPLY = 1 << 16

# struct nlmsghdr: length, type, flags, sequence number and sender's port id.
_HEADER = struct.Struct("=IHHII")
# struct inet_diag_req_v2: family, protocol, two fields that are 0, the states, and a socket id, which is not used here.
_REQUEST = struct.Struct("=BBBBI48x")
# struct inet_diag_msg: the ports and addresses of both ends (in network byte order), the user and the inode.
_REPLY = struct.Struct("=4x2s2s16s16x24xII")

# All but TIME_WAIT and CLOSE, which no process holds, and LISTEN, which has no peer.
_STATES = 0xFFF & ~(1 << 6 | 1 << 7 | 1 << 10)

# Connections that end while the kernel lists them can hide one that remains.
_ATTEMPTS = 3


@dataclass(frozen=True)
class _Socket:
    """A socket; ``inode`` is 0 if its process has closed it while data is still being sent."""

    address: bytes
    port: int
    other_port: int
    user: int
    inode: int


def socket_users(address: str, ports: Collection[int], server_port: int | None) -> frozenset[int] | None:
    """Return the ids of the users who hold the TCP socket at ``address`` and one of ``ports``.

    If some of these sockets are connected to ``server_port``, only those count; with no ``ports``, only those ever
    count. The set is empty if a socket with one of ``ports`` was closed. None if ``ports`` is empty and no socket
    counts, or if the kernel does not answer.
    """
    if sys.platform != "linux":
        return None
    try:
        found = _held(ipaddress.ip_address(address), ports, server_port)
    except OSError:
        # A kernel or a sandbox without this protocol.
        return None
    connected = [one for one in found if one.other_port == server_port]
    users = frozenset(one.user for one in (connected or found if ports else connected))
    return users if users or ports else None


def _held(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, ports: Collection[int], server_port: int | None
) -> list[_Socket]:
    """The sockets at ``address`` that a process holds, with one of ``ports``, if any are given. Raises OSError."""
    found: list[_Socket] = []
    for _ in range(_ATTEMPTS):
        for family, packed in _forms(address):
            here = (one for one in _sockets(family) if one.inode and one.address.startswith(packed))
            found += [one for one in here if not ports or one.port in ports]
            if any(one.other_port == server_port for one in found):
                return found
        if found:
            break
    return found


def _forms(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> Iterator[tuple[int, bytes]]:
    """The families and packed addresses of sockets at ``address``. An IPv6 socket can have an IPv4 address, too."""
    packed = (getattr(address, "ipv4_mapped", None) or address).packed
    if len(packed) == 4:
        yield socket.AF_INET, packed
        packed = bytes(10) + b"\xff\xff" + packed
    yield socket.AF_INET6, packed


def _sockets(family: int) -> Iterator[_Socket]:
    """The connected TCP sockets of an address family. Raises OSError if the kernel does not list them."""
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _STATES)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as kernel:
        kernel.send(_HEADER.pack(_HEADER.size + len(request), _BY_FAMILY, _ALL, 0, 0) + request)
        while True:
            for kind, content in _messages(kernel.recv(_MAX_REPLY)):
                if kind == _DONE:
                    return
                if kind == _ERROR:
                    number = -int.from_bytes(content[:4], sys.byteorder, signed=True)
                    raise OSError(number, os.strerror(number))
                port, other_port, address, user, inode = _REPLY.unpack_from(content)
                yield _Socket(address, int.from_bytes(port, "big"), int.from_bytes(other_port, "big"), user, inode)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The types and contents of the netlink messages in ``data``."""
    while data:
        length, kind, *_ = _HEADER.unpack_from(data)
        yield kind, data[_HEADER.size : length]
        # Each message begins at a multiple of four.
        data = data[length + 3 & ~3 :]
