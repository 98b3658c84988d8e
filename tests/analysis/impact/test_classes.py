"""Changes of classes: their attributes, methods and bases.

Tests ``analysis.impact.class_families`` and ``analysis.impact.scopes``.
"""

from __future__ import annotations

from textwrap import indent

import pytest

from flask_livecoverage.analysis.impact.class_families import ClassFamilies, MeasuredBases
from flask_livecoverage.analysis.impact.imports import Modules

from ...support.changed_programs import module, reached

CART = """\
class Cart:
    size = 3

    def add(self):
        return self.size

class Big(Cart):
    pass

class Alone:
    pass

def late(cart):
    return cart.late()

def sized(cart):
    return cart.size

def made():
    return Cart()
"""
MODULE = {"module shop.py"}
PLAIN = {"module shop/cart.py"}


def with_member(text: str, **options: object) -> set[str]:
    return reached(CART, CART.replace("    size = 3\n", f"    size = 3\n{text}\n"), **options)


def method(name: str, decorator: str = "") -> str:
    return f"    {decorator}\n    def {name}(self):\n        return 1\n"


class TestAttributes:
    def test_are_the_module(self) -> None:
        assert reached(CART, CART.replace("size = 3", "size = 4")) == MODULE

    @pytest.mark.parametrize("reader", ["use(Cart())", "use(Big)", "CARTS = [Cart]\nuse(CARTS)"])
    def test_are_for_all_if_start_up_code_uses_the_class(self, reader: str) -> None:
        before = f"{CART}{reader}\n"
        assert reached(before, before.replace("size = 3", "size = 4")) == {"all"}

    @pytest.mark.parametrize("bases", ["(Model)", "(Generic[T])", "(metaclass=M)", "(make())", "(dict)"])
    def test_of_foreign_classes_are_for_all(self, bases: str) -> None:
        before = CART.replace("class Cart:", f"class Cart{bases}:")
        assert reached(before, before.replace("size = 3", "size = 4")) == {"all"}

    def test_new_ones_are_the_module(self) -> None:
        assert with_member("    late = 1") == {"shop.py late", *MODULE}
        assert with_member("    newest = 1") == MODULE

    @pytest.mark.parametrize("reader", ["app.config.from_object(Big)", "field(validators=[Cart()])"])
    def test_new_ones_are_for_all_if_start_up_code_uses_the_class(self, reader: str) -> None:
        """Frameworks look for names in it that stand nowhere in the program."""
        before = f"{CART}{reader}\n"
        assert reached(before, before.replace("size = 3", "size = 3\n    LOGIN_DISABLED = True")) == {"all"}

    @pytest.mark.parametrize("change", [("size = 3", "size = 4"), ("size = 3", "size = 3\n    quiet = True")])
    def test_are_for_all_if_code_has_classes_that_it_does_not_mention(self, change: tuple[str, str]) -> None:
        hook = "    def __init_subclass__(cls):\n        Kinds.found[cls.size] = cls  # starts\n"
        registered = {"kinds.py": f"class Kinds:\n    found = {{}}\n{hook}", "shop.py": "from kinds import Kinds\n"}
        registered["shop.py"] += "class Cart(Kinds):\n    size = 3\n"
        listed = {
            **registered,
            "kinds.py": "class Kinds:\n    x = 1\ndef kinds():\n    return Kinds.__subclasses__()\n",
        }
        for before in ({**registered, "main.py": "import shop\n"}, {**listed, "main.py": "import shop\n"}):
            assert reached(before, {**before, "shop.py": before["shop.py"].replace(*change)}) == {"all"}

    def test_are_for_all_if_the_class_may_be_found_by_a_computed_name(self) -> None:
        before = {"main.py": "app.config.from_object(f'stages.{name}')\n", "stages.py": "class Dev:\n    SECRET = 1\n"}
        assert reached(before, {**before, "stages.py": "class Dev:\n    SECRET = 2\n"}) == {"all"}

    @pytest.mark.parametrize("member", ["    size = 3\n    def validate(self): pass\n", "    size = 4\n"])
    @pytest.mark.parametrize("base", ["Model", "db.Model", "object, Model"])
    def test_of_a_foreign_class_in_a_condition_are_for_all(self, base: str, member: str) -> None:
        before = f"from orm import db, Model\nPAID = True\nif PAID:\n    class Cart({base}):\n        size = 3\n"
        assert reached(before, before.replace("        size = 3\n", indent(member, "    "))) == {"all"}

    def test_docstring_is_the_module(self) -> None:
        assert with_member("") == set()
        assert reached(CART, CART.replace("    size = 3", "    '''A cart.'''\n    size = 3")) == MODULE


class TestNewMethod:
    def test_is_for_none_if_nothing_mentions_it(self) -> None:
        assert with_member(method("newest")) == set()

    def test_is_for_what_mentions_it(self) -> None:
        assert with_member(method("late")) == {"shop.py late"}

    def test_of_a_subclass_overrides(self) -> None:
        before = "class A:\n    def m(self):\n        return 1\nclass B(A):\n    x = 1\ndef f(b):\n    return b.m()\n"
        after = before.replace("    x = 1\n", "    x = 1\n    def m(self):\n        return 2\n")
        assert reached(before, after) == {"shop.py f", "shop.py A.m"}

    def test_that_overrides_one_is_for_those_that_ran_it(self) -> None:
        """Other packages may have called it."""
        before = "class A:\n    def m(self):\n        return 1\nclass B(A):\n    x = 1\n"
        more = ("    x = 1\n", f"    x = 1\n{method('m')}")
        assert reached(before, before.replace(*more)) == {"shop.py A.m"}
        at_start = before.replace("return 1", "return 1  # starts")
        assert reached(at_start, at_start.replace(*more)) == {"all"}

    def test_is_the_module_if_a_class_of_another_package_has_the_name(self) -> None:
        """A schema reads it from objects of any class."""
        before = f"{CART}class CartSchema(Schema):\n    total = fields.Integer()\n"
        after = before.replace("    size = 3\n", "    size = 3\n" + method("total"))
        assert reached(before, after) == MODULE

    @pytest.mark.parametrize("name", ["__bool__", "__getattr__", "close", "get_id"])
    def test_special_ones_are_the_module(self, name: str) -> None:
        """Python, or a library, calls them without a mention."""
        assert with_member(method(name)) == MODULE

    @pytest.mark.parametrize("decorator", ["@property", "@staticmethod", "@classmethod"])
    def test_with_a_plain_decorator_is_the_module(self, decorator: str) -> None:
        assert with_member(method("newest", decorator)) == MODULE

    def test_with_another_decorator_is_for_all(self) -> None:
        assert with_member(method("newest", "@register")) == {"all"}

    def test_of_a_foreign_class_is_for_all(self) -> None:
        """A view that has a method of this name answers requests that failed before."""
        before = CART.replace("class Big(Cart):", "class Big(Cart, MethodView):")
        assert reached(before, before.replace("    size = 3\n", "    size = 3\n" + method("newest"))) == {"all"}

    def test_is_for_all_if_start_up_code_has_an_object_and_mentions_it(self) -> None:
        before = f"{CART}cart = Cart()\nuse(cart.late)\n"
        assert reached(before, before.replace("    size = 3\n", "    size = 3\n" + method("late"))) == {"all"}

    def test_is_for_code_that_computes_names(self) -> None:
        before = f"{CART}def computed(cart, name):\n    return getattr(cart, name)\n"
        after = before.replace("    size = 3\n", "    size = 3\n" + method("newest"))
        assert reached(before, after) == {"shop.py computed"}

    def test_is_the_module_if_templates_mention_it(self) -> None:
        assert with_member(method("newest"), template_words={"newest"}) == MODULE

    def test_second_of_a_name_is_the_module(self) -> None:
        assert with_member(method("add")) >= MODULE


class TestRemovedMethod:
    def test_is_for_those_that_ran_or_mention_it(self) -> None:
        before = CART.replace("def add(", "def price(") + "def priced(cart):\n    return cart.price()\n"
        after = before.replace("    def price(self):\n        return self.size\n", "")
        assert reached(before, after) == {"shop.py Cart.price", "shop.py priced"}


class TestClasses:
    def test_new_one_is_for_none_if_nothing_mentions_it(self) -> None:
        assert reached(CART, f"{CART}class Newest(Cart):\n    def add(self):\n        return 1\n") == set()

    @pytest.mark.parametrize("bases", ["Model", "db.Model", "Generic[T]"])
    def test_new_one_of_a_foreign_base_is_for_all(self, bases: str) -> None:
        assert reached(CART, f"{CART}class Newest({bases}):\n    pass\n") == {"all"}

    @pytest.mark.parametrize("member", ["    added: int\n", "    added = 1\n", "    def added(self): pass\n"])
    @pytest.mark.parametrize(
        ("imported", "base", "reach"),
        [
            ("from .extensions import db", "db.Model", {"all"}),
            ("from . import extensions", "extensions.db.Model", {"all"}),
            ("from .extensions import Declared", "Declared", {"all"}),
            ("from .extensions import Model", "Model", {"all"}),
            ("from .extensions import *", "Model", {"all"}),
            ("from .extensions import Plain", "Plain.Model", {"all"}),
            ("from .extensions import Plain\nP = Plain", "P.Model", {"all"}),
            ("from .extensions import Plain", "Plain", PLAIN),
            ("from .extensions import Plain as P", "P", PLAIN),
            ("from . import extensions", "extensions.Plain", PLAIN),
            ("import shop.extensions", "shop.extensions.Plain", PLAIN),
            ("import shop.extensions as e", "e.Plain", PLAIN),
            ("import shop", "shop.extensions.Plain", PLAIN),
            ("from .extensions import *", "Plain", PLAIN),
            ("from .extensions import Other", "Other", PLAIN),
            ("from .extensions import Other\nO = Other", "O", PLAIN),
            ("from shop import Again", "Again", PLAIN),
        ],
    )
    def test_member_is_for_all_if_the_base_is_made_by_another_package(
        self, imported: str, base: str, reach: set[str], member: str
    ) -> None:
        extensions = (
            "import orm\ndb = orm.Database()\nDeclared = orm.base()\nModel = db.Model\n"
            "class Plain:\n    Model = db.Model\nOther = Plain\n"
        )
        before = {
            "shop/__init__.py": "from .extensions import Plain as Again\nfrom . import cart\n",
            "shop/extensions.py": extensions,
            # The same name as that of the base.
            "shop/cart.py": f"{imported}\nclass Model({base}):\n    size: int\n",
        }
        after = {**before, "shop/cart.py": before["shop/cart.py"] + member}
        assert reached(before, after) == (set() if reach == PLAIN and "def" in member else reach)

    @pytest.mark.parametrize(
        ("imported", "base"),
        [("from mixins import Stamped as S", "S"), ("from mixins import Other", "Other"),
         ("from package import S", "S"), ("from package import *", "S"), ("import package", "package.S"),
         ("import mixins\nS = Other", "S, mixins.Other"),
         ("try:\n    from mixins import Stamped\nexcept ImportError:\n    Stamped = object", "Stamped")],
    )  # fmt: skip
    def test_mixin_is_found_by_other_names(self, imported: str, base: str) -> None:
        before = {
            "main.py": "import shop\n",
            "mixins.py": "class Stamped:\n    def now(self):\n        return 1\nOther = Stamped\n",
            "package/__init__.py": "from mixins import Stamped as S\n",
            "shop.py": f"import orm\n{imported}\nclass Cart({base}, orm.Model):\n    pass\n",
        }
        after = {**before, "mixins.py": before["mixins.py"].replace("Other", method("validate") + "Other", 1)}
        assert reached(before, after) == {"all"}

    def test_new_one_of_a_base_that_registers_is_for_all(self) -> None:
        before = CART.replace("    size = 3\n", "    def __init_subclass__(cls):\n        pass  # starts\n")
        assert reached(before, f"{before}class Newest(Cart):\n    pass\n") == {"all"}

    def test_new_one_is_for_all_if_subclasses_are_read(self) -> None:
        before = f"{CART}def kinds():\n    return Cart.__subclasses__()\n"
        assert reached(before, f"{before}class Newest(Cart):\n    pass\n") == {"all"}

    def test_other_bases_are_for_all(self) -> None:
        assert reached(CART, CART.replace("class Alone:", "class Alone(Cart):")) == {"all"}

    def test_removed_one_is_for_those_that_mention_it(self) -> None:
        assert reached(CART, CART.replace("class Alone:\n    pass\n", "")) == set()
        with_use = CART + "def lone():\n    return Alone()\n"
        assert reached(with_use, with_use.replace("class Alone:\n    pass\n", "")) == {"shop.py lone"}


class TestFamilies:
    def families(self, text: str) -> ClassFamilies:
        bases = MeasuredBases("shop.py", Modules(["shop.py"]), lambda path: [module(text)])
        return ClassFamilies((scope, bases) for scope in module(text).classes)

    def test_are_connected_by_inheritance(self) -> None:
        families = self.families("class A: pass\nclass B(A): pass\nclass C(A): pass\nclass D: pass\n")
        assert families.of("A") == families.of("C") == {"A", "B", "C"}
        assert families.of("D") == {"D"}
        assert not families.is_foreign("C")

    def test_a_foreign_relative_makes_all_foreign(self) -> None:
        families = self.families("class A: pass\nclass B(A, View): pass\n")
        assert families.is_foreign("A")

    def test_a_class_within_a_foreign_one_is_foreign(self) -> None:
        families = self.families("class A(View):\n  class Meta: pass\nclass B:\n  class Inner(View): pass\n")
        assert families.is_foreign("A.Meta")
        assert not families.is_foreign("B")
        assert not self.families("class A:\n  class B: pass\nclass B:\n  class A: pass\n").is_foreign("A")

    @pytest.mark.parametrize("bases", ["object", "Exception", "KeyError"])
    def test_these_call_no_methods(self, bases: str) -> None:
        assert not self.families(f"class A({bases}): pass\n").is_foreign("A")
