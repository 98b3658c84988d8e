"""Threads and pools: work that a request submits belongs to it, while another request does the same."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import ModuleType

import pytest

from .harness import AMBIENT, WORK, ask, ask_both, path_of, recorded, serve_views, truth

Load = Callable[..., ModuleType]

OWN = {
    "thread": """
        def view(side):
            thread = threading.Thread(target=work, args=(side,))  # both
            thread.start()  # both
            thread.join()  # both
            return side  # both
    """,
    "thread subclass, daemon": """
        class Worker(threading.Thread):
            def __init__(self, side):
                super().__init__(daemon=True)  # both
                self.side = side  # both

            def run(self):
                self.made = work(self.side)  # both

        def view(side):
            thread = Worker(side)  # both
            thread.start()  # both
            thread.join()  # both
            return thread.made  # both
    """,
    "timer": """
        def view(side):
            timer = threading.Timer(0, work, [side])  # both
            timer.start()  # both
            timer.join()  # both
            return side  # both
    """,
    "nested threads": """
        def outer(side):
            thread = threading.Thread(target=work, args=(side,))  # both
            thread.start()  # both
            thread.join()  # both

        def view(side):
            thread = threading.Thread(target=outer, args=(side,))  # both
            thread.start()  # both
            thread.join()  # both
            return side  # both
    """,
    "pool of threads": """
        from concurrent.futures import ThreadPoolExecutor

        def view(side):
            with ThreadPoolExecutor(2) as pool:  # both
                first = pool.submit(work, side).result()  # both
                return "".join(pool.map(work, [first]))  # both
    """,
    "callback of a future": """
        from concurrent.futures import ThreadPoolExecutor

        def view(side):
            called = threading.Event()  # both

            def when_done(future):  # both
                work(side)  # both
                called.set()  # both

            begin = threading.Event()  # both
            with ThreadPoolExecutor(1) as pool:  # both
                future = pool.submit(begin.wait)  # both
                future.add_done_callback(when_done)  # both
                begin.set()  # both
                called.wait()  # both
            return side  # both
    """,
    "multiprocessing.pool.ThreadPool": """
        from multiprocessing.pool import ThreadPool

        def sides(side):
            yield work(side)  # both

        def failing(side):
            raise ValueError(work(side))  # both

        def view(side):
            called = threading.Event()  # both
            with ThreadPool(2) as pool:  # both
                pool.apply(func=work, args=(side,))  # both
                pool.map(work, [side])  # both
                pool.starmap(work, [(side,)])  # both
                list(pool.imap(work, sides(side)))  # both
                list(pool.imap_unordered(work, sides(side), chunksize=1))  # both

                def when_done(result):  # both
                    called.set()  # both

                pool.map_async(work, [side], 1, when_done).wait()  # both
                called.wait()  # both
                called.clear()  # both
                pool.apply_async(failing, (side,), error_callback=when_done).wait()  # both
                called.wait()  # both
            return side  # both
    """,
    "start without a context": """
        import contextvars

        def of_the_application():
            started.wait()  # ambient
            started.wait()  # ambient

        started = threading.Barrier(2)
        once = threading.Lock()

        def view(side):
            with once:  # both
                thread = threading.Thread(target=of_the_application)  # both
                contextvars.Context().run(thread.start)  # both
                started.wait()  # both
                started.wait()  # both
                thread.join()  # both
            return work(side)  # both
    """,
}


@pytest.mark.parametrize("kind", OWN)
def test_own_workers(load_module: Load, engine_name: str, kind: str) -> None:
    module = load_module(WORK + textwrap.dedent(OWN[kind]))
    app = serve_views(module, engine_name)
    for _ in range(3):
        ask_both(app)
    assert recorded(path_of(module)) == truth(path_of(module))


MAKE = {
    "ThreadPoolExecutor": """
        from concurrent.futures import ThreadPoolExecutor

        def initialize():
            ready = True  # ambient

        def make():
            return ThreadPoolExecutor(2, initializer=initialize)  # make

        def submit(side):
            return pool.submit(work, side).result()  # both

        def close():
            pool.shutdown()
    """,
    "ThreadPool": """
        from multiprocessing.pool import ThreadPool

        def initialize():
            ready = True  # ambient

        def make():
            return ThreadPool(2, initialize)  # make

        def submit(side):
            return pool.apply(work, (side,))  # both

        def close():
            pool.terminate()
            pool.join()
    """,
}
USE = """
pool = None

def view(side):
    global pool
    if side == "make":  # every
        pool = make()  # make
        [pool.submit if hasattr(pool, "submit") else pool.apply][0](started)  # make
    else:
        submit(side)  # both
    return side  # every

def started():
    return True  # make
"""


@pytest.mark.parametrize("by_a_request", [True, False], ids=["first request", "start-up"])
@pytest.mark.parametrize("kind", MAKE)
def test_workers_that_serve_all_requests(load_module: Load, engine_name: str, kind: str, by_a_request: bool) -> None:
    """A pool's workers belong to no request, whichever caused their start; the calls belong to the requests."""
    module = load_module(WORK + textwrap.dedent(MAKE[kind]) + USE)
    app = serve_views(module, engine_name)
    if by_a_request:
        ask(app, "/make")
    else:
        module.view("make")
    for _ in range(3):
        ask_both(app)
    found = recorded(path_of(module))
    module.close()
    expected = truth(path_of(module))
    every = expected.pop("/every")
    makers = expected.pop("/make")
    if by_a_request:
        expected["/make"] = sorted([*makers, *every])
    else:
        expected[AMBIENT] = sorted([*expected[AMBIENT], *makers, *every])
    for path in ("/a", "/b"):
        expected[path] = sorted([*expected[path], *every])
    assert found == expected
