"""Dicts that could grow without end are bounded: the oldest and the newest items stay."""

from __future__ import annotations

from flask_livecoverage.model.bounded import make_room


def test_room_is_made_at_the_limit() -> None:
    kept = dict.fromkeys(range(99))
    make_room(kept, 100)
    assert len(kept) == 99
    kept[99] = None
    make_room(kept, 100)
    assert list(kept) == [*range(50), *range(75, 100)]
