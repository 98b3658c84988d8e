"""The badge: an SVG image of the total, for a README."""

from __future__ import annotations

from html import escape

_LABEL = "coverage"

# From this percentage on. The colours are those that coverage badges have, dark enough for white text.
_COLOURS = ((95, "#1a7f37"), (90, "#2f7a1f"), (75, "#5a7300"), (60, "#8a6500"), (40, "#ad5200"), (0, "#b42318"))
_LABEL_COLOUR = "#444"

# The advance widths of Verdana, in 2048ths of the font's size. Where the font is missing, `textLength` fits the text.
_UNITS = 2048
_WIDTHS = {
    **dict.fromkeys("0123456789", 1302), "%": 2204, ".": 745,
    "a": 1230, "c": 1067, "e": 1220, "g": 1276, "o": 1243, "r": 874, "v": 1212,
}  # fmt: skip
_FONT_SIZE = 11
_MARGIN = 6

_SVG = """\
<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="20" role="img" aria-label="{title}">
<title>{title}</title>
<clipPath id="r"><rect width="{width}" height="20" rx="3"/></clipPath>
<g clip-path="url(#r)">
<rect width="{left}" height="20" fill="{label_colour}"/>
<rect x="{left}" width="{right}" height="20" fill="{colour}"/>
</g>
<g fill="#fff" font-family="Verdana,Geneva,DejaVu Sans,sans-serif" font-size="{font_size}" aria-hidden="true">
<text x="{margin}" y="14" textLength="{label_length}">{label}</text>
<text x="{value_x}" y="14" textLength="{value_length}">{value}</text>
</g>
</svg>
"""


def badge(percent: float, shown: str) -> str:
    """Return the image for ``percent`` covered, which is ``shown`` in digits."""
    value = f"{shown}%"
    lengths = _width(_LABEL), _width(value)
    left, right = (round(length) + 2 * _MARGIN for length in lengths)
    return _SVG.format(
        width=left + right,
        left=left,
        right=right,
        title=escape(f"{_LABEL}: {value}"),
        label=_LABEL,
        value=escape(value),
        colour=colour_of(percent),
        label_colour=_LABEL_COLOUR,
        font_size=_FONT_SIZE,
        margin=_MARGIN,
        value_x=left + _MARGIN,
        label_length=round(lengths[0], 1),
        value_length=round(lengths[1], 1),
    )


def colour_of(percent: float) -> str:
    """Return the colour for ``percent``."""
    return next(colour for least, colour in _COLOURS if percent >= least)


def _width(text: str) -> float:
    return sum(_WIDTHS[character] for character in text) * _FONT_SIZE / _UNITS
