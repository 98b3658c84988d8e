"""Work without a request: threads that the application starts by itself, and threads that cannot be measured."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable
from types import ModuleType

import pytest

from .harness import AMBIENT, WORK, ask, ask_both, path_of, recorded, serve_views, truth

Load = Callable[..., ModuleType]

# Started before the requests, and running during them. `background` is a thread, which `end` ends.
APPLICATIONS_OWN = {
    "thread that loops": """
        def loop():
            while not ended.is_set():  # ambient
                turn()  # ambient

        def turn():
            turned.set()  # ambient

        def begin():
            background.append(threading.Thread(target=loop))  # ambient
            background[0].start()  # ambient

        def view(side):
            turned.clear()  # both
            turned.wait(30)  # both
            return work(side)  # both
    """,
    "queue and its worker": """
        import queue

        jobs = queue.Queue()

        def loop():
            while (job := jobs.get()) is not None:  # ambient
                done = job()  # ambient

        def begin():
            background.append(threading.Thread(target=loop))  # ambient
            background[0].start()  # ambient

        def view(side):
            finished = threading.Event()  # both
            jobs.put(finished.set)  # both
            finished.wait(30)  # both
            return work(side)  # both

        def end():
            jobs.put(None)  # ambient
            background[0].join()  # ambient
    """,
    "timers that start timers": """
        def tick():
            turned.set()  # ambient
            if not ended.is_set():  # ambient
                threading.Timer(0.001, tick).start()  # ambient

        def begin():
            tick()  # ambient

        def view(side):
            turned.clear()  # both
            turned.wait(30)  # both
            return work(side)  # both

        def end():
            ended.set()  # ambient
            # The last timer may be about to start the very last.
            for _ in range(2):  # ambient
                [t.join() for t in threading.enumerate() if isinstance(t, threading.Timer)]  # ambient
    """,
    "scheduler with a pool": """
        from concurrent.futures import ThreadPoolExecutor

        pool = ThreadPoolExecutor(2)

        def loop():
            while not ended.is_set():  # ambient
                pool.submit(turn).result()  # ambient

        def turn():
            turned.set()  # ambient

        def begin():
            background.append(threading.Thread(target=loop))  # ambient
            background[0].start()  # ambient

        def view(side):
            turned.clear()  # both
            turned.wait(30)  # both
            return pool.submit(work, side).result()  # both

        def end():
            ended.set()  # ambient
            background[0].join()  # ambient
            pool.shutdown()  # ambient
    """,
    "server of its own": """
        import socket
        import socketserver

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"served")  # ambient

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)

        def begin():
            background.append(threading.Thread(target=server.serve_forever, args=(0.01,)))  # ambient
            background[0].start()  # ambient

        def view(side):
            with socket.create_connection(server.server_address) as client:  # both
                served = client.makefile("rb").read()  # both
            return work(side)  # both

        def end():
            server.shutdown()  # ambient
            background[0].join()  # ambient
            server.server_close()  # ambient
    """,
}
COMMON = """
background = []
turned, ended = threading.Event(), threading.Event()

def end():
    ended.set()  # ambient
    background[0].join()  # ambient

"""


@pytest.mark.parametrize("kind", APPLICATIONS_OWN)
def test_threads_of_the_application_belong_to_no_request(load_module: Load, engine_name: str, kind: str) -> None:
    text = textwrap.dedent(APPLICATIONS_OWN[kind])
    common = COMMON if "def end" not in text else COMMON.partition("def end")[0]
    module = load_module(WORK + common + text)
    app = serve_views(module, engine_name)
    module.begin()
    for _ in range(3):
        ask_both(app)
    module.end()
    assert recorded(path_of(module)) == truth(path_of(module))


LAZY = """
    import queue

    jobs = queue.Queue()
    once = []

    def loop():
        while (job := jobs.get()) is not None:  # a
            job()  # a

    def serve(side, finished):
        if side == "a":  # a
            made = "a"  # a
        else:
            made = "b"  # a
        finished.set()  # a

    def view(side):
        if not once:  # both
            once.append(threading.Thread(target=loop))  # a
            once[0].start()  # a
        finished = threading.Event()  # both
        jobs.put(lambda: serve(side, finished))  # both
        finished.wait(30)  # both
        return side  # both
"""


def test_thread_of_a_request_that_serves_others_stays_with_it(load_module: Load, engine_name: str) -> None:
    """A job that a thread of the first request takes from a queue has no sign that it belongs to another request."""
    module = load_module("import threading\n" + textwrap.dedent(LAZY))
    app = serve_views(module, engine_name)
    for path in ("/a", "/b"):
        ask(app, path)
    module.jobs.put(None)
    module.once[0].join()
    assert recorded(path_of(module)) == truth(path_of(module))


RAW = """
    import _thread

    def view(side):
        _thread.start_new_thread(alone, ())  # both
        done.wait(30)  # both
        return work(side)  # both

    def alone():
        done.wait(30)  # ambient

    done = threading.Barrier(4)
"""


def test_threads_below_the_threading_module(load_module: Load, engine_name: str) -> None:
    """No request is propagated into them, and ``ctrace`` does not measure them."""
    module = load_module(WORK + textwrap.dedent(RAW))
    ask_both(serve_views(module, engine_name))
    expected = truth(path_of(module))
    if engine_name == "ctrace":
        expected[AMBIENT] = []
    assert recorded(path_of(module)) == expected


INTERPRETERS = """
    from concurrent.futures import InterpreterPoolExecutor

    def called(future):
        work(future.result())  # both

    def view(side):
        with InterpreterPoolExecutor(1) as pool:  # both
            future = pool.submit(str.lower, side.upper())  # both
            future.add_done_callback(called)  # both
            return future.result()  # both
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="InterpreterPoolExecutor is new in Python 3.14")
def test_other_interpreters_work_unmeasured(load_module: Load, engine_name: str) -> None:
    module = load_module(WORK + textwrap.dedent(INTERPRETERS))
    app = serve_views(module, engine_name)
    for _ in range(2):
        ask_both(app)
    assert recorded(path_of(module)) == truth(path_of(module))


INHERITING = """
    import contextvars
    from concurrent.futures import ThreadPoolExecutor

    pool = None
    making = threading.Lock()

    def view(side):
        global pool
        with making:  # both
            pool = pool or ThreadPoolExecutor(2)  # both
        meeting.wait(30)  # both
        return pool.submit(work, side).result()  # both
"""


@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads that inherit a context are new in Python 3.14")
def test_threads_that_inherit_their_starters_context(
    load_module: Load, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in free-threaded builds: here every thread gets a copy of its starter's context."""
    import contextvars
    import threading

    initialize = threading.Thread.__init__

    def inherit(self: threading.Thread, *args: object, **kwargs: object) -> None:
        initialize(self, *args, **kwargs, context=contextvars.copy_context())  # type: ignore[arg-type]

    monkeypatch.setattr(threading.Thread, "__init__", inherit)
    module = load_module(WORK + textwrap.dedent(INHERITING))
    app = serve_views(module, engine_name)
    for _ in range(3):
        ask_both(app)
    module.pool.shutdown()
    assert recorded(path_of(module)) == truth(path_of(module))
