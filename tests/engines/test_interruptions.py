"""Tests of lines that Python runs amid other code: in finalizers, callbacks of weak references, and signal handlers.

CPython delivers no events of a thread while a callback of :mod:`sys.monitoring` runs in it.
"""

from __future__ import annotations

import bisect
import gc
import operator
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

import pytest

from flask_livecoverage.engines import Engine, Hits
from flask_livecoverage.sources.selection import Sources
from tests.engines.exactness.harness import lines_alone

from ..support.compiled import HAS_C_EXTENSION
from ..support.lines import lines_of
from .conftest import captured

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the monitoring engine needs sys.monitoring, new in Python 3.12"
)

PROGRAM = """
    import weakref

    class Finalized:
        def __del__(self):
            released = True  # finalizer
            del released

    class Referred:
        pass

    handled = []
    references = []

    def dropped(reference):
        references.remove(reference)  # callback

    def handler(number, frame):
        handled.append(number)  # handler

    def leave_cycle(kind):
        node = kind()  # garbage
        node.itself = node
        if kind is Referred:
            references.append(weakref.ref(node, dropped))

    def steps(count):
        for number in range(count):
            yield number  # step

    def work(kind):
        leave_cycle(kind)  # work
        total = 0
        for number in steps(20):
            total += len([number])
        return total
"""

FRESH = """
    def fresh():
        return "fresh"  # fresh
"""


@pytest.fixture(params=["monitoring", "monitoring-in-python"])
def make_locations(request: pytest.FixtureRequest) -> Any:
    from flask_livecoverage.engines.locations import Locations
    from flask_livecoverage.engines.monitoring import fastest_locations

    if request.param == "monitoring-in-python":
        return Locations
    if not HAS_C_EXTENSION:
        pytest.skip("the C extension was not compiled")
    return fastest_locations()


@pytest.fixture
def program(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(PROGRAM)


class InterruptedSources(Sources):
    """Sources of which one decision about a file is interrupted by a call."""

    interruptions: dict[str, Callable[[], object]] = {}  # noqa: RUF012 (replaced, not changed)

    def interrupt(self, module: ModuleType, call: Callable[[], object]) -> None:
        self.interruptions = {str(module.__file__): call}

    def file_of(self, filename: str, frame: FrameType | None) -> str | None:
        call = self.interruptions.get(filename)
        if call is not None:
            self.interruptions = {}
            call()
        return super().file_of(filename, frame)


@contextmanager
def measuring(sources: Sources, make_locations: Any) -> Iterator[Engine]:
    from flask_livecoverage.engines.monitoring import MonitoringEngine

    engine = MonitoringEngine(sources, make_locations)
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


@pytest.fixture
def handling(program: ModuleType) -> Iterator[None]:
    before = signal.signal(signal.SIGUSR1, program.handler)
    yield
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture(params=["finalizer", "callback", "handler"])
def interruption(request: pytest.FixtureRequest, program: ModuleType, handling: None) -> Callable[[], object]:
    """A function that makes the collector or a signal run one of the program's functions."""
    if request.param == "handler":
        return lambda: signal.raise_signal(signal.SIGUSR1)
    kind = program.Finalized if request.param == "finalizer" else program.Referred
    return lambda: (program.leave_cycle(kind), gc.collect())


class TestDecision:
    """Interruptions of the decision whether a file is measured."""

    def test_by_known_code(
        self,
        interruption: Callable[[], object],
        make_locations: Any,
        program: ModuleType,
        tmp_path: Path,
        load_module: Callable[..., ModuleType],
    ) -> None:
        fresh = load_module(FRESH)
        sources = InterruptedSources([str(tmp_path)])
        expected = lines_alone(str(program.__file__), interruption)
        with measuring(sources, make_locations) as engine:
            captured(engine, interruption)
            sources.interrupt(fresh, interruption)
            hits = captured(engine, fresh.fresh)
        assert hits == {program.__file__: expected, fresh.__file__: set(lines_of(fresh, "# fresh"))}

    def test_by_code_of_the_same_file(
        self, interruption: Callable[[], object], make_locations: Any, program: ModuleType, tmp_path: Path
    ) -> None:
        sources = InterruptedSources([str(tmp_path)])

        def call() -> None:
            list(program.steps(1))

        expected = lines_alone(str(program.__file__), lambda: (call(), interruption()))
        with measuring(sources, make_locations) as engine:
            sources.interrupt(program, interruption)
            assert captured(engine, call) == {program.__file__: expected}

    def test_that_fails(
        self, make_locations: Any, program: ModuleType, tmp_path: Path, load_module: Callable[..., ModuleType]
    ) -> None:
        """An exception of the interruption is raised where the code was to start. Events are delivered as before."""
        fresh = load_module(FRESH)
        sources = InterruptedSources([str(tmp_path)])

        def fail() -> None:
            raise InterruptedError

        with measuring(sources, make_locations) as engine:
            for _ in range(3):
                sources.interrupt(fresh, fail)
                with pytest.raises(InterruptedError):
                    captured(engine, fresh.fresh)
            hits = captured(engine, lambda: (fresh.fresh(), list(program.steps(1))))
        assert hits == {
            fresh.__file__: set(lines_of(fresh, "# fresh")),
            program.__file__: set(lines_of(program, "for number in range", "# step")),
        }


@contextmanager
def threshold(allocations: int) -> Iterator[None]:
    """A block in which the collector runs after this number of allocations (0: never), ignoring all older objects."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(allocations)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class TestCollector:
    """Interruptions by the collector, whenever it runs."""

    @pytest.mark.parametrize("kind", ["Finalized", "Referred"])
    def test_in_new_code(
        self,
        kind: str,
        make_locations: Any,
        program: ModuleType,
        tmp_path: Path,
        load_module: Callable[..., ModuleType],
    ) -> None:
        """Functions that are started for the first time, so that the collector runs while they are discovered."""
        functions = [load_module("\n".join(f"def f{i}(): return [{i}]" for i in range(600))) for _ in range(5)]

        def request(module: ModuleType) -> None:
            program.leave_cycle(getattr(program, kind))
            for number in range(600):
                vars(module)[f"f{number}"]()
            gc.collect()

        def alone() -> None:
            program.leave_cycle(getattr(program, kind))
            gc.collect()

        expected = lines_alone(str(program.__file__), alone)
        with measuring(Sources([str(tmp_path)]), make_locations) as engine, threshold(20):
            found = [captured(engine, lambda module=module: request(module)) for module in functions]
        assert [hits[str(program.__file__)] for hits in found] == [expected] * 5

    def test_beside_another_watch(
        self, make_locations: Any, program: ModuleType, tmp_path: Path, request: pytest.FixtureRequest
    ) -> None:
        """An engine that has not been stopped has another watch, and each would lift the suppression a second time."""
        from flask_livecoverage.engines.gc_watch import CollectorWatch
        from flask_livecoverage.engines.locations import Locations

        callbacks = (Locations.on_line, Locations.on_start, Locations.on_discovery, Locations.on_throw)
        other = CollectorWatch(callbacks)
        other.start()
        request.addfinalizer(other.stop)
        self.test_in_known_code("Finalized", make_locations, program, tmp_path)

    @pytest.mark.parametrize("kind", ["Finalized", "Referred"])
    def test_in_known_code(self, kind: str, make_locations: Any, program: ModuleType, tmp_path: Path) -> None:
        """The collector runs at starts, lines and steps of generators."""

        def request() -> None:
            program.work(getattr(program, kind))
            gc.collect()

        with measuring(Sources([str(tmp_path)]), make_locations) as engine:
            # Without collections, because one that runs in the oracle's trace function would not be traced.
            with threshold(0):
                expected = lines_alone(str(program.__file__), request)
            found = []
            for allocations in range(1, 201):
                with threshold(allocations):
                    found.append(captured(engine, request))
        assert {line for hits in found for line in expected ^ hits[str(program.__file__)]} == set()
        assert set(lines_of(program, "# finalizer" if kind == "Finalized" else "# callback")) < expected

    def test_callbacks_are_restored(self, make_locations: Any, tmp_path: Path) -> None:
        before = list(gc.callbacks)
        for _ in range(2):
            with measuring(Sources([str(tmp_path)]), make_locations):
                pass
        assert gc.callbacks == before


VICTIM = """
    def victim(ran):
        for number in range(40):
            ran.append(number)  # looped
        if number:
            ran.append("last")  # last
"""


class TestExceptions:
    """Exceptions that Python raises where the application's code is entered, at any point of the engine's work."""

    @pytest.fixture
    def victim(self, load_module: Callable[..., ModuleType]) -> Callable[[list[object]], object]:
        victim: Callable[[list[object]], object] = load_module(VICTIM).victim
        return victim

    def assert_whole(self, hits: Hits, victim: Callable[[list[object]], object]) -> None:
        path = Path(victim.__code__.co_filename)
        assert hits == {str(path): set(lines_of(path, "for number", "# looped", "if number", "# last"))}

    def test_near_the_recursion_limit(
        self, make_locations: Any, victim: Callable[[list[object]], object], tmp_path: Path
    ) -> None:
        """A second attempt with more room on the stack is measured completely."""
        depth = len(list(traceback.walk_stack(None)))
        limit = sys.getrecursionlimit()
        failed = 0
        with measuring(Sources([str(tmp_path)]), make_locations) as engine:
            for room in range(30):
                # Its locations are disabled, and must be armed again for the next capture.
                captured(engine, lambda: victim([]))
                capture = engine.begin()
                try:
                    sys.setrecursionlimit(depth + room)
                    victim([])
                except RecursionError:
                    failed += 1
                finally:
                    sys.setrecursionlimit(limit)
                victim([])
                self.assert_whole(engine.end(capture), victim)
        assert failed > 0

    def test_near_the_end_of_the_stack_of_c(
        self, make_locations: Any, victim: Callable[[list[object]], object], tmp_path: Path
    ) -> None:
        def descend(calls: int) -> bool:
            """Return whether there is room for this number of nested calls in C around the victim's."""
            try:
                operator.call(*[operator.call] * calls, victim, [])
            except RecursionError:
                return False
            return True

        deepest = bisect.bisect_left(range(1_000_000), True, key=lambda calls: not descend(calls))
        with measuring(Sources([str(tmp_path)]), make_locations) as engine:
            for calls in range(max(0, deepest - 60), deepest + 20):
                captured(engine, lambda: victim([]))
                capture = engine.begin()
                descend(calls)
                victim([])
                self.assert_whole(engine.end(capture), victim)
