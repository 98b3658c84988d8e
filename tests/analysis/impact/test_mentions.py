from __future__ import annotations

import ast

import pytest

from flask_livecoverage.analysis.impact.mentions import Mentions, docstring_of, dotted_name, mentions_in


def mentions(text: str) -> Mentions:
    return mentions_in(ast.parse(text).body)


class TestNames:
    @pytest.mark.parametrize(
        ("text", "names"),
        [
            ("a(b, c=d)", {"a", "b", "d"}),
            ("a.b.c", {"a"}),
            ("a().b", {"a"}),
            ("a = b", {"b"}),
            ("a += b", {"a", "b"}),
            ("del a", {"a"}),
            ("global a", {"a"}),
            ("@a\ndef b(c=d): e", {"a", "d"}),
            ("@a\nclass b(c, metaclass=d): e", {"a", "d", "e"}),
            ("lambda a: b", {"b"}),
            ("f'{a}'", {"a"}),
        ],
    )
    def test_are_those_that_are_read(self, text: str, names: set[str]) -> None:
        assert mentions(text).names == names

    @pytest.mark.parametrize(
        ("text", "declared"),
        [
            ("import a.b as c", {"a", "b", "c"}),
            ("from a import b as c, d", {"b", "c", "d"}),
            ("def a(b: c, *d: e.f) -> 'g | h': i", {"c", "e", "f", "g", "h"}),
            ("class a(b, c.d): e", {"b", "c", "d"}),
            ("a: b = 1", {"b"}),
        ],
    )
    def test_are_declared(self, text: str, declared: set[str]) -> None:
        assert mentions(text).declared == declared

    def test_annotations_of_decorated_functions_are_read(self) -> None:
        assert mentions("@a\ndef b(c: d): e").names == {"a", "d"}


class TestAttributes:
    @pytest.mark.parametrize(
        ("text", "attributes"),
        [("a.b.c", {"b", "c"}), ("a().b = 1", {"b"}), ("a(b=1, **c)", {"b"}), ("match a:\n case b(c=1): d", {"c"})],
    )
    def test_are_found(self, text: str, attributes: set[str]) -> None:
        assert mentions(text).attributes == attributes


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("'total'", {"total"}),
            ("'shop.cart:total'", {"shop", "cart", "total"}),
            ("'the total is'", set()),
            ("'the {cart.total} is'", {"the", "cart", "total", "is"}),
            ("'<b>{{ cart.total }}</b>'", {"b", "cart", "total"}),
            ("b'total'", set()),
        ],
    )
    def test_words(self, text: str, words: set[str]) -> None:
        assert mentions(f"x = {text}").words == words

    def test_dotted(self) -> None:
        found = mentions("x = 'shop.cart', '.cart', 'shop.cart:App', 'a b', 'a/b', '..', ''")
        assert found.dotted == {"shop.cart", ".cart", "shop.cart:App", "a/b"}

    def test_long_ones_are_no_names(self) -> None:
        assert mentions(f"x = {'a' * 301!r}").words == set()


class TestWholes:
    def test_are_names_that_are_used_as_such(self) -> None:
        assert mentions("a(b.c, d.e(), [f])").bare == {"a", "b.c", "d.e", "f"}

    @pytest.mark.parametrize(
        "text",
        ["getattr(a, b)", "getattr(a, b, 'c')", "getattr(a, f'x{b}')", "vars(a)", "globals()", "a.__dict__", "eval(a)",
         "attrgetter(a)", "sys.modules[a]", "app.config.from_object(__name__)", "A.__subclasses__()"],
    )  # fmt: skip
    def test_computed_names(self, text: str) -> None:
        assert mentions(text).reflects

    @pytest.mark.parametrize("text", ["getattr(a, 'b')", "getattr(a, 'b', c)", "hasattr(a, 'b')", "re.compile(a)"])
    def test_known_names(self, text: str) -> None:
        assert not mentions(text).reflects

    @pytest.mark.parametrize(
        "text", ["import_module(a)", "__import__(a)", "pkgutil.iter_modules(a)", "import_string(a)"]
    )
    def test_computed_modules(self, text: str) -> None:
        assert mentions(text).discovers

    def test_known_modules(self) -> None:
        assert not mentions("import_module('a.b')").discovers


def test_bodies_of_functions_are_left_out() -> None:
    assert mentions("def a():\n    b\nasync def c():\n    'd'\nclass e:\n    def f(self): g") == Mentions()


@pytest.mark.parametrize(
    ("text", "docstring"), [("'a'", "a"), ("1", None), ("", None), ("f'a'", None), ("x\n'a'", None)]
)
def test_docstring(text: str, docstring: str | None) -> None:
    assert docstring_of(ast.parse(text)) == docstring


@pytest.mark.parametrize(("text", "name"), [("a", "a"), ("a.b.c", "a.b.c"), ("a().b", ""), ("a[0]", "")])
def test_dotted_name(text: str, name: str) -> None:
    assert dotted_name(ast.parse(text, mode="eval").body) == name
