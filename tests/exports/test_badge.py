"""The badge: valid, complete in itself, readable, and in the colours of badges."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.exports.badge import badge, colour_of

SVG = "{http://www.w3.org/2000/svg}"


def parse(percent: float, shown: str) -> ElementTree.Element:
    return ElementTree.fromstring(badge(percent, shown))


@given(st.floats(0, 100), st.integers(0, 4))
def test_is_one_image_of_its_own(percent: float, precision: int) -> None:
    shown = f"{percent:.{precision}f}"
    image = parse(percent, shown)
    assert image.attrib["aria-label"] == f"coverage: {shown}%"
    assert (image.attrib["role"], image.findtext(f"{SVG}title")) == ("img", f"coverage: {shown}%")
    assert [text.text for text in image.iter(f"{SVG}text")] == ["coverage", f"{shown}%"]
    text = badge(percent, shown)
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"]
    assert "<style" not in text


@pytest.mark.parametrize(("shown", "width"), [("0", 7 + 11.8), ("57", 2 * 7 + 11.8), ("99.95", 4 * 7 + 4 + 11.8)])
def test_parts_are_as_wide_as_their_texts(shown: str, width: float) -> None:
    """Of Verdana in 11 pixels: a digit has 7, a percent sign 11.8, a point 4."""
    image = parse(float(shown), shown)
    left, right = (float(part.attrib["width"]) for part in image.findall(f"{SVG}g/{SVG}rect"))
    label, value = image.iter(f"{SVG}text")
    assert float(image.attrib["width"]) == left + right
    assert float(value.attrib["textLength"]) == pytest.approx(width, abs=0.3)
    for part, text, begin in ((left, label, 0), (right, value, left)):
        length = float(text.attrib["textLength"])
        margins = float(text.attrib["x"]) - begin, begin + part - float(text.attrib["x"]) - length
        assert margins == (pytest.approx(6, abs=1), pytest.approx(6, abs=1))


@pytest.mark.parametrize(("percent", "below"), [(95.0, 94.99), (90.0, 89.9), (75.0, 74.0), (60.0, 59.9), (40.0, 39.9)])
def test_each_step_has_a_colour(percent: float, below: float) -> None:
    assert colour_of(percent) != colour_of(below)
    assert colour_of(percent) == colour_of(percent + 1)


@pytest.mark.parametrize("percent", [0, 40, 60, 75, 90, 95, 100])
def test_white_text_can_be_read(percent: float) -> None:
    """The contrast that WCAG 2 demands of small text, by its formula."""
    for colour in re.findall('<rect [^>]*fill="(#[0-9a-f]+)"', badge(percent, str(percent))):
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        assert 1.05 / (luminance(digits) + 0.05) >= 4.5


def luminance(digits: str) -> float:
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
