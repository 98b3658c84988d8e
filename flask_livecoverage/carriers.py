"""Compatibility import for :mod:`flask_livecoverage.testid.clients`, which was published under this name first.

``Carriers`` is :class:`~.testid.clients.TestIdentityClients`, ``carried_name`` is
:func:`~.testid.clients.sendable_name`.
"""

from __future__ import annotations

from .testid.clients import TestIdentityClients, sendable_name

__all__ = ["Carriers", "TestIdentityClients", "carried_name", "sendable_name"]

Carriers = TestIdentityClients
carried_name = sendable_name
