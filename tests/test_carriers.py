"""The name under which the clients of tests were published first goes on working."""

from __future__ import annotations

from flask_livecoverage import carriers


def test_first_name() -> None:
    assert carriers.__all__ == ["Carriers", "carried_name"]
    for name in carriers.__all__:
        assert getattr(carriers, name).__module__.startswith("flask_livecoverage.testid.clients")
