from __future__ import annotations

import ast

import pytest

from flask_livecoverage.analysis.impact.effects import effect_of, is_harmless

KNOWN = {"known", "Known", "dataclass", "getLogger", "logging", "Path", "total.setter"}


class TestValues:
    @pytest.mark.parametrize(
        "text",
        ["1", "-1", "'a'", "None", "known", "len", "__name__", "(1, known)", "[1]", "{1, 2}", "{'a': known}", "60 * 60",
         "-(2 + 3)", "lambda: anything()", "frozenset({1})", "set()",
         "getLogger(__name__)", "logging.getLogger('a')", "Path(__file__)"],
    )  # fmt: skip
    def test_harmless(self, text: str) -> None:
        assert is_harmless(ast.parse(text, mode="eval").body, KNOWN)

    @pytest.mark.parametrize(
        "text",
        ["unknown", "known()", "known.attribute", "known[0]", "1 / 0", "2 ** 99", "'a' + 1", "known + 1", "known or 1",
         "{known}", "{**known}", "{known: 1}", "[x for x in known]", "f'{known}'", "other.compile('a')", "print(1)",
         "frozenset(known)", "known == 1", "await known", "not known", "re.compile('a')",
         "timedelta(days=1)", "Decimal('a')", "TypeVar('T')", "typing.TypeVar('T')", "Path(1)", "getLogger(1)",
         "frozenset(1)", "set([[]])", "dict(1)", "dict(**known)", "object(1)", "bool(1, 2)"],
    )  # fmt: skip
    def test_not(self, text: str) -> None:
        assert not is_harmless(ast.parse(text, mode="eval").body, KNOWN)

    def test_name_of_python_that_is_bound_anew(self) -> None:
        assert not is_harmless(ast.parse("set()", mode="eval").body, {"set"})


class TestStatements:
    @pytest.mark.parametrize(
        "text",
        ["a = b = 1", "a: int = 1", "a: known.Kind | None", "pass", "1", "import a", "def a(b=1, c: Known = 2): d()",
         "@property\ndef a(self): b()", "@total.setter\ndef total(self, value): b()", "@functools.wraps\ndef a(): b",
         "class A:\n    a = 1\n    b = a\n    def c(self): d",
         "@dataclass(frozen=True)\nclass A:\n    a: int = 1", "if known:\n    a = 1\nelse:\n    a = 2",
         "try:\n    import a\nexcept ImportError:\n    a = None", "if TYPE_CHECKING:\n    a()"],
    )  # fmt: skip
    def test_bind_names(self, text: str) -> None:
        expected = "it has a decorator" if "wraps" in text else ""
        assert effect_of(ast.parse(text).body[0], KNOWN) == expected

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("a()", "it calls something"),
            ("a = b()", "its value is computed"),
            ("a.b = 1", "it changes an object or unpacks one"),
            ("a, b = 1, 2", "it changes an object or unpacks one"),
            ("a += 1", "it has a augassign statement"),
            ("@a\ndef b(): c", "it has a decorator"),
            ("def a(b=c()): d", "a default is computed"),
            ("def a(*, b=c()): d", "a default is computed"),
            ("def a(b: c): d", "an annotation is computed"),
            ("a: b() = 1", "an annotation is computed"),
            ("def a(b: 'c' | None): d", "an annotation is computed"),
            ("def a(b: None | None): d", "an annotation is computed"),
            ("def a(b: int + int): d", "an annotation is computed"),
            ("@property()\ndef a(self): b", "it has a decorator"),
            ("@override\ndef a(self): b", "it has a decorator"),
            ("@other.setter\ndef a(self, value): b", "it has a decorator"),
            ("@final\nclass A: a", "it has a decorator"),
            ("class A(B): a", "a base class may not exist"),
            ("class A(b.C): a", "a base class may not exist"),
            ("class A(metaclass=B): a", "its creation is customised"),
            ("class A:\n    a()", "it calls something"),
            ("if known():\n    a = 1", "a condition is computed"),
            ("if known:\n    a()", "it calls something"),
            ("try:\n    a = 1\nfinally:\n    a()", "it calls something"),
        ],
    )
    def test_have_effects(self, text: str, reason: str) -> None:
        assert effect_of(ast.parse(text).body[0], KNOWN) == reason
