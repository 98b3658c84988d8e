"""Moved lines of a diff: removed in one place and added in another, as ``git diff --color-moved`` finds them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ..model.changes import Diff, DiffLine, Sign

# As in git: shorter blocks, such as "else:", are found anywhere.
MIN_CHARACTERS = 20

# A block of consecutive lines, as texts.
_Block = Sequence[str]
# A removed block, and the number of a line in it.
_Place = tuple[int, int]


def moved_lines(diff: Diff) -> dict[str, set[int]]:
    """The numbers of the added lines, by path, that were moved from anywhere in ``diff``.

    A block is moved if its lines are removed elsewhere in the same order, and have 20 letters and digits in all.
    """
    removed = [[_text(line) for line in block] for _, block in _blocks(diff, "-")]
    places: dict[str, list[_Place]] = defaultdict(list)
    for number, block in enumerate(removed):
        for offset, text in enumerate(block):
            places[text].append((number, offset))
    moved: dict[str, set[int]] = {}
    for path, added in _blocks(diff, "+"):
        texts = [_text(line) for line in added]
        found = {added[offset].new or 0 for offset in _moved_in(texts, removed, places)}
        if found:
            moved.setdefault(path, set()).update(found)
    return moved


def _blocks(diff: Diff, sign: Sign) -> Iterator[tuple[str, list[DiffLine]]]:
    for change in diff:
        for hunk in change.hunks:
            yield from ((change.path, block) for block in hunk.blocks() if block[0].sign == sign)


def _text(line: DiffLine) -> str:
    return line.text.removesuffix("\n")


def _moved_in(texts: _Block, removed: Sequence[_Block], places: Mapping[str, Sequence[_Place]]) -> Iterator[int]:
    """The offsets of the moved lines in a block of added ones."""
    start = 0
    while start < len(texts):
        end = _match_end(texts, start, removed, places)
        if _characters(texts[start:end]) < MIN_CHARACTERS:
            # A longer match may begin with the next line.
            start += 1
            continue
        yield from range(start, end)
        start = end


def _match_end(texts: _Block, start: int, removed: Sequence[_Block], places: Mapping[str, Sequence[_Place]]) -> int:
    """The end of the longest run of lines from ``start`` that is in a removed block."""
    alive, end = list(places.get(texts[start], ())), start
    while alive:
        end += 1
        if end == len(texts):
            break
        following = ((block, offset + 1) for block, offset in alive)
        alive = [
            (block, offset)
            for block, offset in following
            if offset < len(removed[block]) and removed[block][offset] == texts[end]
        ]
    return end


def _characters(texts: _Block) -> int:
    return sum(character.isascii() and character.isalnum() for text in texts for character in text)
