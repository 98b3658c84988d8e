from __future__ import annotations

from dataclasses import replace

import pytest

from flask_livecoverage.analysis.impact.judgement import judge
from flask_livecoverage.analysis.impact.program import Program

from ...support.changed_programs import changes, described, program, reached

PACKAGE = {
    "shop/__init__.py": "",
    "shop/prices.py": "def total():\n    return 1\n",
    "shop/views.py": "from . import prices\n\ndef index():\n    return prices.total()\n",
}
NEW = "def newest():\n    return 1\n"


def added(path: str, views: str = "", **options: object) -> set[str]:
    old = {**PACKAGE, "shop/views.py": PACKAGE["shop/views.py"] + views}
    return reached(old, {**old, path: NEW}, **options)


class TestAdded:
    def test_is_for_none_if_nothing_imports_it(self) -> None:
        assert added("shop/cart.py") == set()

    @pytest.mark.parametrize(
        "views",
        [
            "try:\n    from . import cart\nexcept ImportError:\n    pass\n",
            "try:\n    from .cart import x\nexcept ImportError:\n    pass\n",
            "load('shop.cart')\n",
            "load('.cart')\n",
            "load('shop.cart:App')\n",
            "for module in pkgutil.iter_modules(path):\n    pass\n",
            "import_module(name)\n",
        ],
    )
    def test_is_for_all_if_start_up_code_may_import_it(self, views: str) -> None:
        assert added("shop/cart.py", views) == {"all"}

    def test_is_for_the_functions_that_may_import_it(self) -> None:
        views = "def late():\n    from .cart import x\n    return x\n"
        assert added("shop/cart.py", views) == {"shop/views.py late"}

    def test_imported_by_changed_code_is_judged_there(self) -> None:
        new = {**PACKAGE, "shop/cart.py": NEW}
        new["shop/prices.py"] = "def total():\n    from .cart import newest\n    return newest()\n"
        assert reached(PACKAGE, new) == {"shop/prices.py total"}
        new["shop/prices.py"] = "from .cart import newest\n" + PACKAGE["shop/prices.py"]
        assert reached(PACKAGE, new) == {"all"}

    @pytest.mark.parametrize(
        "path",
        [
            "random.py",  # takes the place of Python's
            "flask.py",  # of a package's
            "shop/prices/__init__.py",  # of another module
            "__init__.py",  # makes a package of a folder
            "wsgi.py",
            "shop/migrations/0001.py",
            "shop/admin.py",
        ],
    )
    def test_is_for_all_if_its_name_matters(self, path: str) -> None:
        assert added(path, installed={"flask"}) == {"all"}

    def test_lines_are_those_of_the_new_content(self) -> None:
        (change,) = changes(PACKAGE, {**PACKAGE, "shop/cart.py": NEW})
        assert (change.lines, change.reason) == ((1, 2), "the file was added: no unchanged code imports it")


class TestDeleted:
    def test_is_for_all_if_it_ran_at_start_up(self) -> None:
        assert reached(PACKAGE, {path: text for path, text in PACKAGE.items() if "prices" not in path}) == {"all"}

    def test_one_that_only_tests_loaded_is_for_those_that_ran_or_import_it(self) -> None:
        old = {**PACKAGE, "shop/views.py": "def index():\n    from . import prices\n    return prices.total()\n"}
        new = {path: text for path, text in old.items() if "prices" not in path}
        assert without_start_up(old, new) == {"module shop/prices.py", "shop/views.py index"}


class TestUnloaded:
    """Files that never ran."""

    def reached(self, path: str, new: str | None, views: str = "") -> set[str]:
        old = {**PACKAGE, path: NEW, "shop/views.py": PACKAGE["shop/views.py"] + views}
        built = program(old, {**old, path: new} if new else {name: old[name] for name in PACKAGE})
        files = {**built.files, path: replace(built.files[path], ambient=0, executed=0)}
        (change,) = judge(Program(files))
        return described(change.reach, old)

    @pytest.mark.parametrize("new", ["use()\n", "def (:\n", None])
    def test_are_for_none(self, new: str | None) -> None:
        assert self.reached("shop/jobs.py", new) == set()

    def test_are_for_what_may_import_them(self) -> None:
        late = "def late():\n    from . import jobs\n"
        assert self.reached("shop/jobs.py", "use()\n", late) == {"shop/views.py late"}

    def test_are_for_all_if_frameworks_find_them(self) -> None:
        assert self.reached("shop/migrations/1.py", "use()\n") == {"all"}


class TestNotComparable:
    @pytest.mark.parametrize("text", ["def (:\n", "\0", "x = " + "(" * 300])
    def test_broken_file_is_for_all_if_it_ran_at_start_up(self, text: str) -> None:
        new = {**PACKAGE, "shop/prices.py": text}
        assert reached(PACKAGE, new) == reached(new, PACKAGE) == {"all"}

    def test_broken_file_is_the_module(self) -> None:
        assert without_start_up(PACKAGE, {**PACKAGE, "shop/prices.py": "def (:\n"}) == {"module shop/prices.py"}

    def test_unknown_content_is_the_module(self) -> None:
        before = program(PACKAGE, PACKAGE)
        file = before.files["shop/prices.py"]
        unknown = Program({**before.files, file.path: replace(file, old=None)})
        assert [change.reach.everything for change in judge(unknown)] == [True]
        lazy = Program({**before.files, file.path: replace(file, old=None, ambient=0)})
        (change,) = judge(lazy)
        assert change.reason == "the recorded content is unknown"
        assert change.reach.modules == {file.path}

    def test_strict_is_for_all(self) -> None:
        before = program(PACKAGE, {**PACKAGE, "shop/prices.py": "def (:\n"})
        file = before.files["shop/prices.py"]
        (change,) = judge(Program({**before.files, file.path: replace(file, ambient=0)}), strict=True)
        assert change.reach.everything


def without_start_up(old: dict[str, str], new: dict[str, str]) -> set[str]:
    """As if only tests had loaded the prices."""
    built = program(old, new)
    path = "shop/prices.py"
    files = {**built.files, path: replace(built.files[path], ambient=0)}
    (change,) = [change for change in judge(Program(files)) if change.path == path]
    return described(change.reach, old)
