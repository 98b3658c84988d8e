"""Judges changed statements of modules and classes, which run at start-up for all tests."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from .availability import Availability
from .blocks import Class, Item
from .comparison import Comparison, ScopeComparison
from .imports import STANDARD_LIBRARY, Import
from .needs import Need
from .program import Program, Unit
from .reach import Change, Reach, united
from .value_flow import follow, readers

# Found by the commands of frameworks and servers, whatever mentions them.
_ENTRY_POINTS = frozenset(
    {"app", "application", "create_app", "make_app", "wsgi_app", "asgi_app", "urlpatterns", "default_app_config",
     "handler400", "handler403", "handler404", "handler500", "__getattr__", "__dir__", "__path__",
     # Python's import system reads these.
     "__name__", "__package__", "__spec__", "__loader__", "__file__", "__builtins__"}
)  # fmt: skip
# A class may not be created with other ones.
_OF_CLASSES = frozenset({"__slots__", "__qualname__", "__classcell__", "__module__", "__class__", "__dict__"})

# Attributes that libraries look for in objects of any class.
_PROTOCOLS = frozenset(
    name for kind in (dict, list, set, str, bytes, int, float) for name in vars(kind) if not name.startswith("_")
) | frozenset(
    {"close", "read", "readline", "readlines", "readable", "seek", "seekable", "tell", "write", "writable",
     "writelines", "flush", "fileno", "isatty", "name", "send", "throw", "cancel", "result", "acquire", "release",
     "wait", "get_id", "is_active", "is_authenticated", "is_anonymous", "to_json", "for_json", "to_dict", "as_dict",
     "isoformat", "utcoffset", "tzname", "dst", "total_seconds", "url", "id", "query", "filter", "emit", "handle",
     "get_response", "response", "code", "description", "status", "status_code", "message", "errors", "data", "json"}
)  # fmt: skip


@dataclass(frozen=True)
class ScopeJudge:
    """Judges the statements of the modules and classes of one file."""

    program: Program
    path: str

    def changes(self, comparison: Comparison) -> Iterator[Change]:
        """The changes of statements in all scopes."""
        yield from self._failures(comparison)
        for scope in comparison.scopes:
            yield from self._signatures(scope)
            removed = [self._change(scope, item, "removed") for item in scope.removed]
            yield from removed
            for item in scope.added:
                change = self._change(scope, item, "added")
                # Lines are those of the recorded content, where it has some.
                is_known = any(other.reason == change.reason for other in removed)
                yield replace(change, lines=()) if is_known else change

    def _change(self, scope: ScopeComparison, item: Item, verb: str) -> Change:
        reason, reach = self._judge(scope, item)
        verb = "moved" if item.key in scope.moved else verb
        verb = "changed" if verb != "moved" and item.names & _both(scope) else verb
        subject = _subject(scope.scope, item)
        text = f"{subject} was {verb}" + (f": {reason}" if reason else "")
        return Change(self.path, item.lines, text, reach)

    # Start-up that may fail

    def _failures(self, comparison: Comparison) -> Iterator[Change]:
        """The statements that may not run any more, or not as they stand there now: then the application fails."""
        file = self.program.files[self.path]
        assert file.old
        former = {need for item in file.old.all_items for need in item.needs}
        module = comparison.scopes[0]
        rebound = _names_of(module.removed) | _names_of(module.added)
        met = {need for need in former if need.name.partition(".")[0] not in rebound}
        for scope in comparison.scopes:
            pairs = [*scope.same, *((None, inner) for item in scope.added for inner in _with_inner(item))]
            for old, new in pairs:
                reason = self._failure(old, new, met)
                if reason:
                    text = f"{_subject(scope.scope, new)} may fail: {reason}"
                    yield Change(self.path, (old or new).lines, text, Reach.ALL)

    def _failure(self, old: Item | None, new: Item, met: Collection[Need]) -> str:
        if old and new.effect and old.effect != new.effect:
            return new.effect
        module = self.program.files[self.path].new
        assert module
        for need in new.needs:
            if need not in met and not self._availability.meets(need, module, self.path):
                return f"it is not known whether {need.name} is there, and what it is"
        for found in () if old else new.imports:
            if found.name != "*" and not self._availability.has(found, self.path):
                return f"it is not known whether there is {_imported(found)}"
        if not old and new.names & _OF_CLASSES and new.kind == "statement":
            return "Python reads it when it makes a class"
        return ""

    @cached_property
    def _availability(self) -> Availability:
        return Availability(self.program)

    # Signatures

    def _signatures(self, scope: ScopeComparison) -> Iterator[Change]:
        for old, new in scope.same:
            if old.kind == "function":
                yield from self._signature(scope, old, new)

    def _signature(self, scope: ScopeComparison, old: Item, new: Item) -> Iterator[Change]:
        (before,), (after,) = old.functions, new.functions
        evaluated = (before.defaults, before.annotations) != (after.defaults, after.annotations)
        effect = old.effect or new.effect
        if evaluated and effect:
            text = f"the signature of {before.name} has changed: {effect}"
            yield Change(self.path, old.lines, text, Reach.ALL)
        if evaluated or before.shape != after.shape:
            found, reach = self.program.shape_readers()
            if found or reach:
                text = f"the signature of {before.name} has changed, and code in {_places(found, reach)} reads some"
                yield Change(self.path, old.lines, text, Reach.ALL if found else reach)
        if before.shape != after.shape:
            # Python calls special methods, which nothing mentions.
            judge = self._value if _is_special(after.simple_name) else self._dispatch
            reason, reach = judge(scope.scope, after.simple_name)
            text = f"{before.name} has other arguments" + (f": {reason}" if reason else "")
            yield Change(self.path, old.lines, text, reach)

    # Statements

    def _judge(self, scope: ScopeComparison, item: Item) -> tuple[str, Reach]:
        if item.effect:
            return item.effect, Reach.ALL
        if item.imports:
            reason = self._import(item, scope)
            if reason:
                return reason, Reach.ALL
        if item.kind == "docstring":
            reads = self.program.reads_docstrings
            return ("docstrings are read", Reach.ALL) if reads else ("", Reach.of_module(self.path))
        if item.scope:
            reason = self._class(item.scope, changed=item.key not in scope.moved and bool(item.names & _both(scope)))
            if reason:
                return reason, Reach.ALL
        if scope.scope and self.program.families.is_foreign(scope.scope.name):
            return "a base class or a decorator may use it", Reach.ALL
        if scope.scope and any("__slots__" in one.names for one in scope.scope.items):
            return "the class has slots", Reach.ALL
        return self._names(scope, item)

    def _import(self, item: Item, scope: ScopeComparison) -> str:
        """The reason for which an import runs code, or may bind any name."""
        if any(found.name == "*" for found in item.imports):
            return "it binds names that are not known"
        files = self.program.application_imports(item, self.path)
        still = {
            file
            for old, _ in scope.same
            if old.kind == "import"
            for file in self.program.application_imports(old, self.path)
        }
        if files - still:
            return "it runs a module of the application"
        return ""

    def _class(self, scope: Class, *, changed: bool) -> str:
        """The reason for which a new, removed or changed class may have effects besides its name."""
        families = self.program.families
        if changed:
            return "its bases have changed"
        if families.is_foreign(scope.name):
            return "a base class or a decorator may register it"
        if len(scope.bases) > 1:
            return "its bases may not go together"
        return self._registered(scope)

    def _registered(self, scope: Class) -> str:
        """The reason for which code that does not mention a class may have it; empty if none may."""
        related = self.program.families.of(scope.name)
        if related & self.program.subclass_hooks:
            return "a base class may register it"
        if len(related) > 1 and any("__subclasses__" in unit.mentions.attributes for unit in self.program.units):
            return "the subclasses of its base are read"
        return ""

    def _names(self, scope: ScopeComparison, item: Item) -> tuple[str, Reach]:
        if item.key in scope.moved and not item.names & scope.rebound:
            return self._moved(scope, item)
        judged = [self._name(scope, item, name) for name in sorted(item.names)]
        # A statement that neither binds a name nor has an effect is a constant, or never runs.
        reasons = dict.fromkeys(reason for reason, _ in judged if reason)
        return "; ".join(reasons), united(reach for _, reach in judged)

    def _moved(self, scope: ScopeComparison, item: Item) -> tuple[str, Reach]:
        """A statement that only binds names matters by its place only to start-up code, which may be its own."""
        bound = _names_of([*(old for old, _ in scope.same), *scope.removed, *scope.added])
        if read := (bound - item.names) & {*_read_at_definition(item)}:
            return f"it reads {min(read)}", Reach.ALL
        for name in sorted(item.names):
            found, _ = self._observers(scope.scope, name)
            if found:
                return f"start-up code in {found[0].path} mentions {name}", Reach.ALL
        return "", Reach.NONE

    def _name(self, scope: ScopeComparison, item: Item, name: str) -> tuple[str, Reach]:
        """The reach of one name that is bound in another way, newly, or no longer."""
        owner = scope.scope
        if name in _ENTRY_POINTS if not owner else name in _OF_CLASSES:
            return "Python and frameworks read it" if name.startswith("__") else "it is an entry point", Reach.ALL
        if name in scope.rebound or name in _both(scope) or _is_special(name):
            judge = self._value_or_lack if self._may_be_missing(owner, item, name) else self._value
            return judge(owner, name, precise=not _is_special(name) and item.kind != "import")
        if item.kind == "import" and not self._is_standard(item):
            return self._value(owner, name)
        if item.kind == "function" and item.functions[0].decorators:
            return self._value(owner, name)
        if owner and item.kind in ("statement", "class"):
            # Frameworks look for names in classes that stand nowhere else, such as those of a configuration.
            return self._value_or_lack(owner, name)
        return self._dispatch(owner, name)

    def _value_or_lack(self, owner: Class | None, name: str, *, precise: bool = False) -> tuple[str, Reach]:
        """The reach of a name with another value, or with none at times, as if it were removed: reading it may fail."""
        reason, reach = self._value(owner, name, precise=precise)
        if reach.everything:
            return reason, reach
        reason, missed = self._dispatch(owner, name)
        return reason, reach | missed

    def _may_be_missing(self, owner: Class | None, item: Item, name: str) -> bool:
        """True if a name is not bound for sure, such as in a condition; not for a field that never was."""
        file = self.program.files[self.path]
        bound = []
        for side in (file.old, file.new):
            assert side
            scopes = [one for one in side.classes if owner and one.name == owner.name]
            bound.append(any(name in one.bound for one in scopes) if owner else name in side.bound)
        was_bound, is_bound = bound
        return not is_bound and (was_bound or not item.key.startswith("AnnAssign("))

    def _is_standard(self, item: Item) -> bool:
        """True for imports that have no effect besides binding names: Python's own, or of what was imported before."""
        if self.program.application_imports(item, self.path):
            return True
        return all(not found.level and found.module.partition(".")[0] in STANDARD_LIBRARY for found in item.imports)

    def _value(self, owner: Class | None, name: str, *, precise: bool = False) -> tuple[str, Reach]:
        """The reach of a name with another value: anything in the module or in those that import it.

        With ``precise``, what may read it there, if that can be followed.
        """
        names = {name}
        if reason := self.program.escapes(self.path) or (self._registered(owner) if owner else ""):
            return reason, Reach.ALL
        if owner:
            names = set(self.program.families.of(owner.name))
        elif name == "__all__" and self.program.star_importers(self.path):
            return "all of its names are imported elsewhere", Reach.ALL
        elif needing := self._needing(name):
            return f"start-up code in {needing} needs it", Reach.ALL
        flow = follow(self.program, self.path, names)
        if flow.reader:
            return f"start-up code in {flow.reader.path} reads it", Reach.ALL
        if not precise or owner or flow.in_class or not flow.names.isdisjoint(self.program.template_words):
            return "", Reach.of_module(self.path)
        return "", readers(self.program, self.path, flow.names)

    def _needing(self, name: str) -> str:
        """Another file with an annotation or a base class that may fail for another value of a name."""
        dependents = self.program.dependents(self.path) - {self.path}
        return next(
            (unit.path for unit in self.program.units if unit.item and unit.path in dependents
             and any(name in need.name.split(".") for need in unit.item.needs)),
            "",
        )  # fmt: skip

    def _dispatch(self, owner: Class | None, name: str) -> tuple[str, Reach]:
        """The reach of a name that has appeared or gone, or is called in another way: those that mention it."""
        program = self.program
        if owner and program.families.is_foreign(owner.name):
            return "a base class or a decorator may use it", Reach.ALL
        if name in program.template_words or (owner and (name in _PROTOCOLS or name in program.foreign_fields)):
            return self._value(owner, name)
        if not owner and program.escapes(self.path):
            return program.escapes(self.path), Reach.ALL
        found, reach = self._observers(owner, name)
        if found and not (owner and self._is_unused_at_start(owner)):
            return f"start-up code in {found[0].path} mentions it", Reach.ALL
        if owner:
            reach |= program.overridden(owner.name, name)
        return ("other code mentions it" if reach else "nothing else mentions it"), reach

    def _is_unused_at_start(self, owner: Class) -> bool:
        return not follow(self.program, self.path, self.program.families.of(owner.name)).reader

    def _observers(self, owner: Class | None, name: str) -> tuple[list[Unit], Reach]:
        if owner:
            return self.program.with_attribute(name)
        return self.program.with_global(name, self.path)


def _both(scope: ScopeComparison) -> frozenset[str]:
    """The names that are bound in another way."""
    return _names_of(scope.removed) & _names_of(scope.added)


def _names_of(items: Iterable[Item]) -> frozenset[str]:
    return frozenset(name for item in items for name in item.names)


def _read_at_definition(item: Item) -> Iterator[str]:
    """The names that a statement reads when it runs; of a class, those of the statements in it, too."""
    yield from item.mentions.names
    # Bases and annotations.
    yield from item.mentions.declared
    for inner in item.scope.items if item.scope else ():
        yield from _read_at_definition(inner)


def _places(found: Sequence[Unit], reach: Reach) -> str:
    return found[0].path if found else min(reach.lines, default="")


def _with_inner(item: Item) -> Iterator[Item]:
    """A statement, and those of the classes in it."""
    yield item
    for inner in item.scope.items if item.scope else ():
        yield from _with_inner(inner)


def _imported(found: Import) -> str:
    module = f"{'.' * found.level}{found.module}"
    return f"{found.name} in {module}" if found.name else module


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _subject(scope: Class | None, item: Item) -> str:
    names = ", ".join(f"{scope.name}.{name}" if scope else name for name in sorted(item.names))
    kinds: Mapping[str, str] = {"function": "the function", "class": "the class", "import": "the import of"}
    if item.kind == "docstring":
        return f"the docstring of {scope.name}" if scope else "the module's docstring"
    return f"{kinds.get(item.kind, 'the code that binds')} {names}" if names else "code"
