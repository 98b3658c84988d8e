"""Differences to a recorded response, and the noise that hides them, by Keploy's rules."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from flask_livecoverage.keploy.cases import Case, RecordedResponse
from flask_livecoverage.keploy.comparison import NEVER_COMPARED, differences
from flask_livecoverage.keploy.resending import Request, Response


def compare(
    expected: Any = b"",
    actual: Any = b"",
    *,
    noise: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
    got_headers: list[tuple[str, str]] | None = None,
    status: int = 200,
    got_status: int = 200,
    method: str = "GET",
    size: int | None = None,
    ignore_ordering: bool = False,
) -> list[str]:
    recorded = RecordedResponse(status, headers or {}, None if size is not None else encoded(expected), size)
    patterns = {field.lower(): [re.compile(pattern) for pattern in found] for field, found in (noise or {}).items()}
    case = Case("set", "test", Request(method, "/", (), b""), recorded, patterns)
    response = Response(got_status, got_headers or [], encoded(actual))
    return differences(case, response, ignore_ordering=ignore_ordering)


def encoded(body: Any) -> bytes:
    return body if isinstance(body, bytes) else json.dumps(body).encode()


class TestStatusAndHeaders:
    def test_equal(self) -> None:
        assert compare(headers={"Vary": "Cookie"}, got_headers=[("vary", "Cookie")]) == []

    def test_status(self) -> None:
        assert compare(got_status=404) == ["status: expected 200, got 404"]

    def test_headers(self) -> None:
        found = compare(
            headers={"Allow": "GET", "ETag": "x", "Vary": "Cookie"},
            got_headers=[("Vary", "Accept"), ("allow", "GET"), ("X-New", "1")],
        )
        assert found == [
            'header ETag: expected "x", got none',
            'header Vary: expected "Cookie", got "Accept"',
            'header X-New: not expected, got "1"',
        ]

    def test_a_header_that_comes_twice_is_joined(self) -> None:
        twice = [("Set-Cookie", "a=1; Path=/"), ("set-cookie", "b=2")]
        assert compare(headers={"Set-Cookie": "a=1; Path=/,b=2"}, got_headers=twice) == []
        assert compare(headers={"Set-Cookie": "b=2,a=1; Path=/"}, got_headers=twice) != []

    @pytest.mark.parametrize("name", sorted(NEVER_COMPARED))
    def test_headers_that_are_never_compared(self, name: str) -> None:
        assert compare(headers={name.title(): "1"}, got_headers=[(name, "2")]) == []
        assert compare(headers={name.title(): "1"}) == compare(got_headers=[(name, "2")]) == []

    def test_the_length_of_a_body_that_head_does_not_send(self) -> None:
        sizes: dict[str, Any] = {"headers": {"Content-Length": "1"}, "got_headers": [("Content-Length", "2")]}
        assert compare(**sizes, method="HEAD") == ['header Content-Length: expected "1", got "2"']

    def test_noise(self) -> None:
        two: dict[str, Any] = {"headers": {"ETag": "1", "X-Id": "1"}, "got_headers": [("ETag", "2"), ("X-Id", "2")]}
        assert compare(**two, noise={"header": []}) == []
        assert compare(**two, noise={"header.ETag": []}) == ['header X-Id: expected "1", got "2"']
        assert compare(**two, noise={"header.etag": [], "header.x-": []}) == []
        assert compare(**two, noise={"header.ETag": [r"^\d$"], "header.X-Id": [r"^[a-z]$"]}) == [
            'header X-Id: expected "1", got "2"'
        ]
        assert compare(headers={"ETag": "1"}, noise={"header.ETag": []}) == []
        assert compare(got_headers=[("ETag", "1")], noise={"header.ETag": []}) == []


BODIES: list[tuple[Any, Any, list[str]]] = [
    ({"a": 1, "b": [True, None]}, b'{ "b": [true, null], "a": 1.0 }', []),
    ({"a": 1}, {"a": 2}, ["body.a: expected 1, got 2"]),
    ({"a": 1}, {"a": "1"}, ['body.a: expected 1, got "1"']),
    ({"a": 1}, {"a": True}, ["body.a: expected 1, got true"]),
    ({"a": {"b": None}}, {"a": {"b": 0}}, ["body.a.b: expected null, got 0"]),
    ({"a": 1, "b": 2}, {"b": 2, "c": 3}, ["body.a: missing", "body.c: not expected, got 3"]),
    ([1, 2], [1], ["body: expected 2 elements, got 1"]),
    ([1, 2], [2, 1], ["body: expected 1, got 2", "body: expected 2, got 1"]),
    ({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, ["body.a.b: expected 1, got 2"]),
    ({"a": []}, {"a": {}}, ["body.a: expected [], got {}"]),
    ({}, b"", ['body: differs from character 1: expected "{}", got ""']),
    (
        b"one two three",
        b"one two four",
        ['body: differs from character 9: expected "one two three", got "one two four"'],
    ),
    (b"\xff\x00", b"\xff\x01\x02", ["body: expected 2 bytes, got 3 different ones"]),
    (b"x" * 100, b"y", [f'body: differs from character 1: expected "{"x" * 59}…, got "y"']),
    (b"[" * 100_000, b"[" * 100_001, [f'body: differs from character 100001: expected "{"[" * 10}", got "{"[" * 11}"']),
]


class TestBody:
    @pytest.mark.parametrize(("expected", "actual", "found"), BODIES)
    def test_differences(self, expected: Any, actual: Any, found: list[str]) -> None:
        assert compare(expected, actual) == found
        assert compare(expected, actual, noise={"body": []}) == []

    def test_order(self) -> None:
        expected, actual = {"a": [{"b": 1}, {"b": [1, 2]}, 3]}, {"a": [3, {"b": [2, 1]}, {"b": 1}]}
        assert compare(expected, actual) != []
        assert compare(expected, actual, ignore_ordering=True) == []
        assert compare([1, 1, 2], [1, 2, 2], ignore_ordering=True) == ["body: no element like 1"]

    def test_a_body_that_was_too_large_to_record(self) -> None:
        assert compare(actual=b"1234", size=4) == []
        assert compare(actual=b"12345", size=4) == ["body: expected 4 bytes, got 5"]


BEFORE = {"id": 1, "user": {"id": 2, "Name": "x", "tags": [{"id": 3, "at": "12:00"}]}}
NOW = {"id": 9, "user": {"id": 9, "Name": "x", "tags": [{"id": 9, "at": "13:00"}]}}
AT, OWN, OF_USER, OF_TAGS = "body.user.tags.at", "body.id", "body.user.id", "body.user.tags.id"
NOISES: list[tuple[dict[str, list[str]], list[str]]] = [
    ({}, [OWN, OF_USER, OF_TAGS, AT]),
    # A name without a path matches at any depth.
    ({"body.id": []}, [AT]),
    ({"body.ID": [], "body.at": []}, []),
    ({"body.user.id": []}, [OWN, OF_TAGS, AT]),
    ({"body.user.tags.id": [], "body.tags.at": []}, [OWN, OF_USER]),
    # A path covers its whole subtree.
    ({"body.user": []}, [OWN]),
    ({"body.user.tags": []}, [OWN, OF_USER]),
    ({"body.at": [r"^\d\d:\d\d$"]}, [OWN, OF_USER, OF_TAGS]),
    ({"body.at": [r"^[a-z]+$"]}, [OWN, OF_USER, OF_TAGS, AT]),
    ({"body.at": [r"^[a-z]+$", "13"], "body.id": ["^9$"]}, []),
    ({"body.other": [], "header.id": []}, [OWN, OF_USER, OF_TAGS, AT]),
]


class TestNoiseInBodies:
    @pytest.mark.parametrize(("noise", "left"), NOISES)
    def test_fields(self, noise: dict[str, list[str]], left: list[str]) -> None:
        found = compare(BEFORE, NOW, noise=noise)
        assert [difference.partition(":")[0] for difference in found] == left

    def test_missing_fields(self) -> None:
        assert compare({"a": 1}, {}, noise={"body.a": []}) == []
        assert compare({}, {"a": 1}, noise={"body.a": []}) == []
        assert compare({"a": 1}, {}, noise={"body.a": ["1"]}) == ["body.a: missing"]
