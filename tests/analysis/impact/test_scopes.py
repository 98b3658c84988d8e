from __future__ import annotations

import pytest

from ...support.changed_programs import reached, reasons

# A module of an application, and two that import it, one of them through the other.
SHOP = {
    "shop/__init__.py": "",
    "shop/prices.py": """\
import json
LIMIT = 5
NAMES = ["tea"]

def total():
    return LIMIT

class Cart:
    size = 3

    def add(self):
        return self.size

    def __bool__(self):
        return True

class Big(Cart):
    pass
""",
    "shop/views.py": """\
from flask import Blueprint
from .prices import Cart, total
from shop import prices

blueprint = Blueprint("shop", __name__)

@blueprint.route("/")
def index():
    return total()

def helper(cart):
    return cart.late(), prices.other, getattr(prices, "named")

def sized(cart):
    return cart.size
""",
    "shop/main.py": """\
from flask import Flask
from . import views

def create_app():
    app = Flask("shop")  # starts
    app.register_blueprint(views.blueprint)  # starts
    app.config["SOON"] = views.blueprint.soon  # starts
    return app  # starts
""",
}


def changed(path: str, before: str, after: str, **options: object) -> set[str]:
    assert SHOP[f"shop/{path}.py"].count(before) == 1
    return reached(SHOP, _new(path, before, after), **options)


def _new(path: str, before: str, after: str) -> dict[str, str]:
    return {**SHOP, f"shop/{path}.py": SHOP[f"shop/{path}.py"].replace(before, after)}


def appended(path: str, text: str, **options: object) -> set[str]:
    return reached(SHOP, {**SHOP, f"shop/{path}.py": SHOP[f"shop/{path}.py"] + text}, **options)


PRICES = {"module shop/prices.py"}
NEW = "\ndef {name}():\n    return 1\n"


class TestNothing:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("LIMIT = 5", "LIMIT = (5)  # of a cart"),
            ("LIMIT = 5", "LIMIT  =  0x5  # noqa"),
            ('["tea"]', "['tea',]"),
            ("def total():\n    return LIMIT\n", "\n\n\ndef total():\n    # the price\n    return LIMIT\n"),
            ("LIMIT = 5", "LIMIT = 5\n1\npass\n'text'\n"),
        ],
    )
    def test_comments_and_formatting(self, before: str, after: str) -> None:
        assert changed("prices", before, after) == set()

    def test_order_of_plain_functions(self) -> None:
        assert (
            reached(f"{NEW.format(name='a')}{NEW.format(name='b')}", f"{NEW.format(name='b')}{NEW.format(name='a')}")
            == set()
        )

    def test_order_of_imports_of_other_packages(self) -> None:
        assert reached("import json\nimport os\n", "import os\nimport json\n") == set()

    def test_imports_for_type_checking(self) -> None:
        assert reached("x = 1\n", "x = 1\nif TYPE_CHECKING:\n    from a import B\n") == set()


class TestConstants:
    def test_select_what_ran_code_that_reads_them(self) -> None:
        assert changed("prices", "LIMIT = 5", "LIMIT = 6") == {"shop/prices.py total"}

    def test_are_the_module_if_templates_mention_them(self) -> None:
        assert changed("prices", "LIMIT = 5", "LIMIT = 6", template_words={"LIMIT"}) == PRICES

    def test_all_if_strict(self) -> None:
        assert changed("prices", "LIMIT = 5", "LIMIT = 6", strict=True) == {"all"}

    def test_computed_ones_are_for_all(self) -> None:
        assert changed("prices", "LIMIT = 5", "LIMIT = fetch()") == {"all"}

    @pytest.mark.parametrize(
        "reader",
        [
            "use(LIMIT)\n",
            "@app.route(LIMIT)\ndef late():\n    return 1\n",
            "COPY = LIMIT\nuse(COPY)\n",
            "def start(limit=LIMIT):\n    return limit  # starts\n",
            "def start():\n    return LIMIT  # starts\n",
            "class Limits:\n    first = LIMIT\nuse(Limits)\n",
            "use(globals())\n",
            "app.config.from_object(__name__)\n",
        ],
    )
    def test_all_if_start_up_code_reads_them(self, reader: str) -> None:
        assert reached(f"LIMIT = 5\n{reader}", f"LIMIT = 6\n{reader}") == {"all"}

    @pytest.mark.parametrize(
        ("reader", "expected"),
        [
            ("COPY = LIMIT\ndef late():\n    return COPY\n", {"shop.py late"}),
            ("COPY = [LIMIT]\nMORE = (COPY, 1)\ndef late():\n    return MORE\n", {"shop.py late"}),
            ("def late(limit=LIMIT):\n    return limit\n", {"shop.py late"}),
            ("def late():\n    return globals()['LIM' + 'IT']\n", {"shop.py late"}),
            ("class Limits:\n    first = LIMIT\n", {"module shop.py"}),
            ("COPY = LIMIT\n", set()),
        ],
    )
    def test_are_followed(self, reader: str, expected: set[str]) -> None:
        assert reached(f"LIMIT = 5\n{reader}", f"LIMIT = 6\n{reader}") == expected

    @pytest.mark.parametrize(
        "main",
        [
            "from shop import LIMIT\ndef late():\n    return LIMIT\n",
            "from shop import LIMIT as MOST\ndef late():\n    return MOST\n",
            "import shop\ndef late():\n    return shop.LIMIT\n",
            "def late():\n    from shop import LIMIT as MOST\n    return MOST\n",
            "import shop\ndef late():\n    return getattr(shop, 'LIMIT')\n",
        ],
    )
    def test_are_followed_into_other_modules(self, main: str) -> None:
        texts = {"shop.py": "LIMIT = 5\n", "main.py": main}
        assert reached(texts, {**texts, "shop.py": "LIMIT = 6\n"}) == {"main.py late"}

    @pytest.mark.parametrize(
        "reader",
        [
            "import shop\nuse(shop)\n",
            "import shop as other\nuse(getattr(other, 'x'))\n",
            "import shop\napp.config.from_object('shop')\n",
            "import shop\nuse('shop:Config')\n",
            "from shop import *\nuse(LIMIT)\n",
            "from shop import LIMIT as MOST\nuse(MOST)\n",
            "import shop\nfor name in names:\n    use(getattr(object, name))\n",
        ],
    )
    def test_all_if_the_module_is_read_as_a_whole(self, reader: str) -> None:
        texts = {"shop.py": "LIMIT = 5\n", "main.py": reader}
        assert reached(texts, {**texts, "shop.py": "LIMIT = 6\n"}) == {"all"}

    @pytest.mark.parametrize("path", ["config.py", "shop/settings/local.py", "default_settings.py"])
    def test_all_in_a_configuration(self, path: str) -> None:
        texts = {path: "LIMIT = 5\n", "main.py": "import config, default_settings\nfrom shop.settings import local\n"}
        assert reached(texts, {**texts, path: "LIMIT = 6\n"}) == {"all"}

    def test_all_if_nothing_is_known_to_import_the_module(self) -> None:
        assert reached({"shop.py": "LIMIT = 5\n"}, {"shop.py": "LIMIT = 6\n"}) == {"all"}

    def test_importers_that_were_seen_are_known(self) -> None:
        old, new = {"shop.py": "LIMIT = 5\n", "a.py": ""}, {"shop.py": "LIMIT = 6\n", "a.py": ""}
        assert reached(old, new, known_importers={"shop.py": ["a.py"]}) == set()

    def test_new_ones_that_nothing_mentions_are_for_none(self) -> None:
        assert appended("prices", "NEWEST = 1\n") == set()

    def test_new_ones_are_for_what_mentions_them(self) -> None:
        assert appended("prices", "other = 1\n") == {"shop/views.py helper"}
        assert appended("prices", "named = 1\n") == {"shop/views.py helper"}

    def test_removed_ones_are_for_what_mentions_them(self) -> None:
        assert changed("prices", "LIMIT = 5\n", "") == {"shop/prices.py total"}


class TestEffects:
    @pytest.mark.parametrize(
        "text",
        [
            "start()",
            "del LIMIT",
            "LIMIT += 1",
            "NAMES['x'] = 1",
            "json.limit = 1",
            "for name in NAMES:\n    pass",
            "with lock:\n    pass",
            "raise ValueError",
            "assert LIMIT",
            "first, second = 1, 2",
            "if compute():\n    FIRST = 1",
            "try:\n    start()\nexcept ImportError:\n    pass",
            "while False:\n    pass",
            "@register\ndef late():\n    return 1",
            "@register\nclass Late:\n    pass",
            "class Late(metaclass=Registering):\n    pass",
            "class Late(Model):\n    pass",
            "class Late:\n    start()",
            "def late(value=compute()):\n    return value",
            "def late(value: compute()):\n    return value",
            "def late(value: Missing):\n    return value",
            "from . import views",
            "from json import *",
            "from __future__ import annotations",
            "def create_app():\n    return 1",
            "def __getattr__(name):\n    return 1",
        ],
    )
    def test_are_for_all(self, text: str) -> None:
        assert appended("prices", f"{text}\n") == {"all"}
        with_it = {**SHOP, "shop/prices.py": SHOP["shop/prices.py"] + f"{text}\n"}
        assert reached(with_it, SHOP) == {"all"}


class TestNewFunction:
    def test_is_for_none_if_nothing_mentions_it(self) -> None:
        assert appended("prices", NEW.format(name="newest")) == set()
        new = {**SHOP, "shop/prices.py": SHOP["shop/prices.py"] + NEW.format(name="newest")}
        assert reasons(SHOP, new) == ["the function newest was added: nothing else mentions it"]

    @pytest.mark.parametrize("name", ["other", "named"])
    def test_is_for_what_mentions_it(self, name: str) -> None:
        assert appended("prices", NEW.format(name=name)) == {"shop/views.py helper"}

    def test_shadows_a_name_of_python(self) -> None:
        before = "def size(items):\n    return len(items)\n"
        assert reached(before, before + NEW.format(name="len")) == {"shop.py size"}

    def test_second_of_a_name_is_for_those_that_use_the_name(self) -> None:
        assert appended("prices", NEW.format(name="total")) == {"shop/views.py index"}

    def test_used_by_changed_code_is_for_that_alone(self) -> None:
        before = "def total():\n    return 1\n"
        after = "def total():\n    return newest()\n" + NEW.format(name="newest")
        assert reached(before, after) == {"shop.py total"}

    def test_is_for_all_if_start_up_code_mentions_it(self) -> None:
        assert appended("views", NEW.format(name="soon")) == {"all"}

    def test_is_the_module_if_templates_mention_it(self) -> None:
        assert appended("prices", NEW.format(name="newest"), template_words={"newest"}) == PRICES

    def test_in_a_condition_is_module_level_code(self) -> None:
        assert appended("prices", "if LIMIT:\n    def newest():\n        return 1\n") == set()
        assert appended("prices", "if LIMIT:\n    def other():\n        return 1\n") == {"shop/views.py helper"}


class TestRemovedFunction:
    def test_is_for_what_mentions_it_too(self) -> None:
        before = "def a():\n    return 1\n\ndef b():\n    return a()\n"
        assert reached(before, "def b():\n    return a()\n") == {"shop.py a", "shop.py b"}

    def test_is_for_all_if_it_is_imported_at_start_up(self) -> None:
        assert changed("prices", "def total():\n    return LIMIT\n", "") == {"all"}

    def test_renamed(self) -> None:
        before = "def a():\n    return 1\n\ndef b():\n    return c()\n"
        assert reached(before, before.replace("a()", "c()", 1)) == {"shop.py a", "shop.py b"}


class TestDecorators:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ('@blueprint.route("/")\n', ""),
            ('route("/")', 'route("/other")'),
            ("def index():", "def index(page=1):"),
            ("def index():", "def first():"),
            ("def helper(cart):", "@login_required\ndef helper(cart):"),
        ],
    )
    def test_changed_are_for_all(self, before: str, after: str) -> None:
        assert changed("views", before, after) == {"all"}

    def test_body_is_the_function(self) -> None:
        assert changed("views", "return total()", "return 1") == {"shop/views.py index"}

    def test_order_is_for_all(self) -> None:
        first, second = (f"@app.route('/')\ndef {name}():\n    return 1\n" for name in "ab")
        assert reached(first + second, second + first) == {"all"}


class TestSignatures:
    def test_other_arguments_are_for_what_mentions_the_function(self) -> None:
        """A call that failed runs no line of it."""
        before = "def a(x):\n    return 1\n\ndef b():\n    return a()\n"
        assert reached(before, before.replace("(x)", "()")) == {"shop.py a", "shop.py b"}

    def test_generator_that_is_none_any_more_is_for_what_mentions_it(self) -> None:
        """One that is never resumed runs no line."""
        before = "def a():\n    yield 1\n\ndef b():\n    return a()\n"
        assert reached(before, before.replace("yield", "return")) == {"shop.py a", "shop.py b"}

    def test_method_of_a_foreign_class_is_for_all(self) -> None:
        before = "class View(MethodView):\n    def get(self):\n        return 1\n"
        assert reached(before, before.replace("(self)", "(self, id)")) == {"all"}


class TestOrder:
    def test_of_effects_is_for_all(self) -> None:
        assert reached("one()\ntwo()\n", "two()\none()\n") == {"all"}

    def test_of_what_start_up_code_mentions_is_for_all(self) -> None:
        function = "def a():\n    return 1\n"
        assert reached(f"{function}use(a)\n", f"use(a)\n{function}") == {"all"}
        assert reached(f"{function}use(b)\n", f"use(b)\n{function}") == set()

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("class A:\n    x = 1\n", "class B(A):\n    y = 2\n"),
            ("class A:\n    class I:\n        x = 1\n", "class B(A.I):\n    y = 2\n"),
            ("X = 1\n", "Y = X\n"),
            ("A = 1\n", "class B:\n    y: A = None\n"),
            ("A = 1\n", "class B:\n    class C:\n        y = A\n"),
            ("X = 1\n", "class B:\n    def f(self, x=X):\n        return x\n"),
        ],
    )
    def test_of_what_a_definition_reads_is_for_all(self, first: str, second: str) -> None:
        """The application does not start any more, whichever of both counts as moved."""
        more = "class C:\n    z = 1\nclass D:\n    z = 2\n"
        assert reached(first + second, second + first) == {"all"}
        assert reached(first + second + more, second + more + first) == {"all"}
        assert reached(more + first + second, second + more + first) == {"all"}

    def test_of_independent_definitions_is_for_none(self) -> None:
        first, second = "class A:\n    x = 1\n", "class B:\n    y = 2\n"
        assert reached(first + second, second + first) == set()

    def test_of_imports_of_the_application_is_for_all(self) -> None:
        texts = {"a.py": "", "b.py": "", "main.py": "import a\nimport b\n"}
        assert reached(texts, {**texts, "main.py": "import b\nimport a\n"}) == {"all"}


class TestImports:
    def test_another_name_of_the_same_module(self) -> None:
        new = "from .prices import Cart, total, LIMIT\n"
        assert changed("views", "from .prices import Cart, total\n", new) == set()

    def test_of_the_standard_library_are_for_what_mentions_them(self) -> None:
        assert changed("prices", "import json\n", "import json\nimport os\n") == set()
        assert changed("prices", "import json\n", "import json\nimport math as total\n") >= PRICES

    def test_of_other_packages_are_the_module(self) -> None:
        assert changed("prices", "import json\n", "import json\nimport requests\n") == PRICES

    def test_new_ones_of_the_application_are_for_all(self) -> None:
        assert changed("prices", "import json\n", "import json\nfrom . import main\n") == {"all"}

    def test_within_a_function_are_its(self) -> None:
        assert changed("prices", "return LIMIT", "from . import main\n    return LIMIT") == {"shop/prices.py total"}
