"""Imports that may fail: the application does not start then, so all tests are affected."""

from __future__ import annotations

import pytest

from ...support.changed_programs import reached, reasons

PACKAGE = {
    "shop/__init__.py": "from . import views\n",
    "shop/models.py": "import json\nfrom typing import Any\nclass Cart:\n    size = 1\nif json:\n    MAYBE = 1\n",
    "shop/views.py": "from .models import Cart\nfrom shop import models\n",
    "shop/circle.py": "from . import views\nLATE = 1\n",
    "shop/main.py": "from . import circle\n",
}
FLAT = {
    "app.py": "import models\nimport views\n",
    "models.py": "class Cart:\n    size = 1\n",
    "views.py": "import models\n",
}


def added(texts: dict[str, str], path: str, line: str) -> set[str]:
    return reached(texts, {**texts, path: texts[path] + line + "\n"})


class TestFailing:
    @pytest.mark.parametrize(
        "line",
        [
            "from math import tua", "import nonexistent", "import json.nonexistent", "from json import nonexistent",
            "from collections.nonexistent import x", "import nonexistent as json",
            "from .models import Nope", "from .models import Cart, Nope", "from .models import MAYBE",
            "from shop.models import Nope", "from shop.nope import x", "import shop.nope", "from . import nope",
            # Absolute, of a module that only a relative import finds.
            "import models", "from models import Cart",
            "from ...models import Cart", "import flask.nonexistent",
            "if Cart:\n    from math import tua", "try:\n    import nonexistent\nfinally:\n    pass",
            "class Late:\n    from math import tua",
        ],
    )  # fmt: skip
    def test_in_a_package(self, line: str) -> None:
        assert added(PACKAGE, "shop/views.py", line) == {"all"}

    @pytest.mark.parametrize(
        "line",
        ["import nonexistent", "from models import Nope", "from . import models", "from .models import Cart",
         "import models.nope", "from views import Nope"],
    )  # fmt: skip
    def test_in_flat_modules(self, line: str) -> None:
        assert added(FLAT, "views.py", line) == {"all"}

    def test_in_a_circle(self) -> None:
        """The name is bound later than the import runs."""
        texts = {**PACKAGE, "shop/views.py": "from . import circle\n"}
        assert added(texts, "shop/views.py", "from .circle import LATE") == {"all"}

    def test_of_a_name_that_goes_at_the_same_time(self) -> None:
        new = {"shop/models.py": "import json\n", "shop/views.py": "from .models import Cart as Basket\n"}
        assert reached(PACKAGE, {**PACKAGE, **new}) == {"all"}

    @pytest.mark.parametrize("text", ["if json:\n    class Cart:\n        size = 1", "if json:\n    Cart = 1"])
    def test_of_a_name_that_may_not_be_bound_any_more(self, text: str) -> None:
        new = PACKAGE["shop/models.py"].replace("class Cart:\n    size = 1", text)
        assert reached(PACKAGE, {**PACKAGE, "shop/models.py": new}) == {"all"}

    def test_of_a_function_that_may_not_be_bound_any_more(self) -> None:
        texts = {**FLAT, "models.py": "X = 1\nif X:\n    def a():\n        return 1\nelse:\n    a = None\n"}
        texts["views.py"] = "from models import a\n"
        assert reached(texts, {**texts, "models.py": texts["models.py"].replace("if X", "if 0")}) == set()
        new = {**texts, "models.py": texts["models.py"].replace("else:\n    a = None\n", "")}
        assert reached(texts, new) == {"all"}

    def test_of_a_function_that_is_bound_in_another_condition(self) -> None:
        texts = {**FLAT, "models.py": "X = 1\nif X:\n    def a():\n        return 1\n"}
        texts["views.py"] = "from models import a\n"
        assert reached(texts, {**texts, "models.py": texts["models.py"].replace("if X", "if 0")}) == {"all"}

    def test_of_an_attribute_that_may_be_missing(self) -> None:
        texts = {
            "shop.py": "class A:\n    x = 1\n",
            "other.py": "def f(a):\n    return a.x\n",
            "main.py": "import shop, other",
        }
        new = {**texts, "shop.py": "class A:\n    if 1:\n        x = 1\n"}
        assert reached(texts, new) == {"module shop.py", "other.py f"}

    def test_are_explained(self) -> None:
        new = {**PACKAGE, "shop/views.py": PACKAGE["shop/views.py"] + "from .models import Nope\n"}
        assert "it is not known whether there is Nope in .models" in str(reasons(PACKAGE, new))


class TestSucceeding:
    @pytest.mark.parametrize(
        "line",
        [
            "import json", "import json.decoder", "from json import dumps", "from typing import Optional",
            "from .models import Cart as Basket", "from .models import Any", "from . import models as other",
            "from shop.models import Cart as Basket", "import shop.models as other",
        ],
    )  # fmt: skip
    def test_select_none_if_nothing_mentions_them(self, line: str) -> None:
        assert added(PACKAGE, "shop/views.py", line) == set()

    @pytest.mark.parametrize("line", ["import models as other", "from models import Cart as Basket"])
    def test_in_flat_modules(self, line: str) -> None:
        assert added(FLAT, "views.py", line) == set()

    @pytest.mark.parametrize("line", ["import flask", "from flask import Blueprint", "from flask.views import View"])
    def test_of_other_packages_are_the_module(self, line: str) -> None:
        assert added(PACKAGE, "shop/views.py", line) == {"module shop/views.py"}

    def test_of_what_other_code_imports(self) -> None:
        """It was there when the run was recorded."""
        texts = {**PACKAGE, "shop/circle.py": "from . import views\nfrom unknown import thing\n"}
        assert added(texts, "shop/views.py", "from unknown import thing") == {"module shop/views.py"}

    def test_within_functions_are_theirs(self) -> None:
        texts = {**PACKAGE, "shop/views.py": "def late():\n    return 1\n"}
        new = {**texts, "shop/views.py": "def late():\n    from math import tua\n    return tua\n"}
        assert reached(texts, new) == {"shop/views.py late"}
