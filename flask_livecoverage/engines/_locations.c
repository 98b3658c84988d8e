/* The class Locations of locations.py, several times as fast. That module is the reference, and gives the reasons.
 *
 * This code never releases the GIL as long as it calls no Python code: a callback is one atomic step. So there is no
 * epoch: no capture can begin to need a location between the last look at the open captures and DISABLE. Nor need
 * arming again be composed of callables in C: it is C.
 *
 * For the same reason no code of the application runs during a callback: CPython calls the collector (hence finalizers
 * and callbacks of weak references) and signal handlers from bytecode only. The exception is the decision about a new
 * file, which is made in Python: sys.call_tracing delivers the events in it that CPython suppresses in a callback.
 *
 * Built for the stable ABI of Python 3.12 (PEP 384), so that one build serves all later versions.
 */

#define Py_LIMITED_API 0x030C0000
#include <Python.h>
#include <stddef.h>
#include <string.h>

/* CO_GENERATOR, CO_COROUTINE and CO_ASYNC_GENERATOR of the module inspect. */
#define RESUMABLE (0x20 | 0x80 | 0x200)

/* The size of an instruction, in bytes. */
#define INSTRUCTION 2

/* The heat at which disabling pays: to arm again for the next capture takes as long as some 16 events. */
#define HOT 16

/* Code objects that share an entry are hot a little earlier. */
#define HEATS 1024

typedef struct {
    PyObject_HEAD
    PyObject *open;    /* dict: id -> lines, which is a dict: id(code) -> bytearray with a mark for each line */
    PyObject *ambient; /* lines */
    PyObject *dirty;   /* dict: id(code) -> code */
    PyObject *off;     /* dict: id(code) -> code */
    PyObject *codes;   /* dict: id(code) -> code and the path of its file, for all armed code */
    PyObject *files;   /* dict: file name in a code object -> path and line limit, or None if it is not measured */
    PyObject *extents; /* dict: id(code) -> first line and number of lines */
    PyObject *offsets; /* dict: id(code) -> dict: offset -> line, for code with unreliable line numbers */
    PyObject *tool;
    PyObject *decide;
    PyObject *call_tracing;
    PyObject *get_handle;
    PyObject *set_local_events;
    PyObject *disable;
    PyObject *no_events;
    long events;
    long resumable_events;
    /* A cache for the last event: the next one is mostly in the same code. */
    PyObject *last_lines;
    PyObject *last_code;
    PyObject *last_marks;
    PyObject *last_offsets;
    long last_first;
    char released;
    unsigned char heats[HEATS];
} Locations;

/* Code objects are larger than 64 bytes. */
static unsigned char *
heat_of(Locations *self, PyObject *code)
{
    return &self->heats[((size_t)code >> 6) % HEATS];
}

/* Arming */

/* A new reference to the number of the events that are watched in the code; NULL with an exception. */
static PyObject *
events_of(Locations *self, PyObject *code)
{
    PyObject *flags = PyObject_GetAttrString(code, "co_flags");
    if (flags == NULL) {
        return NULL;
    }
    long resumable = PyLong_AsLong(flags) & RESUMABLE;
    Py_DECREF(flags);
    return PyLong_FromLong(resumable ? self->resumable_events : self->events);
}

static int
set_events(Locations *self, PyObject *code, PyObject *events)
{
    PyObject *arguments[] = {self->tool, code, events};
    PyObject *result = PyObject_Vectorcall(self->set_local_events, arguments, 3, NULL);
    Py_XDECREF(result);
    return result == NULL ? -1 : 0;
}

static int
set_all_events(Locations *self, PyObject *code)
{
    PyObject *events = events_of(self, code);
    int status = events == NULL ? -1 : set_events(self, code, events);
    Py_XDECREF(events);
    return status;
}

static int
forget(PyObject *marks, PyObject *key)
{
    int marked = PyDict_Contains(marks, key);
    return marked > 0 ? PyDict_DelItem(marks, key) : marked;
}

/* Another tool may have freed our tool id. The application, whose event this is, must not get that error. */
static int
stop_if_freed(Locations *self)
{
    if (!PyErr_ExceptionMatches(PyExc_ValueError)) {
        return -1;
    }
    PyErr_Clear();
    self->released = 1;
    return 0;
}

/* In this order, and no Python code between: a location that was disabled meanwhile would lose its mark. Steps that can
 * fail for lack of memory or stack come first. */
static int
rearm(Locations *self, PyObject *key, PyObject *code)
{
    if (self->released) {
        return 0;
    }
    PyObject *events = events_of(self, code);
    int status = events == NULL ? -1 : set_events(self, code, self->no_events);
    if (status == 0) {
        status = set_events(self, code, events);
    }
    Py_XDECREF(events);
    status = status < 0 ? stop_if_freed(self) : 0;
    return status < 0 || forget(self->dirty, key) < 0 || forget(self->off, key) < 0 ? -1 : 0;
}

static int
rearm_off(Locations *self)
{
    if (PyDict_Size(self->off) == 0) {
        return 0;
    }
    PyObject *codes = PyDict_Items(self->off);
    if (codes == NULL) {
        return -1;
    }
    int status = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(codes) && status == 0; i++) {
        PyObject *item = PyList_GetItem(codes, i);
        status = rearm(self, PyTuple_GetItem(item, 0), PyTuple_GetItem(item, 1));
    }
    Py_DECREF(codes);
    return status;
}

/* True if an open capture has visited the code; -1 with an exception. */
static int
is_visited(Locations *self, PyObject *key)
{
    PyObject *identity, *lines;
    Py_ssize_t position = 0;
    int visited = 0;
    while (visited == 0 && PyDict_Next(self->open, &position, &identity, &lines)) {
        visited = PyDict_Contains(lines, key);
    }
    return visited;
}

/* Remove all data about the code, unless an open capture has visited it. Returns whether that was done, -1 with an
 * exception. */
static int
forget_code(Locations *self, PyObject *key, PyObject *code)
{
    int visited = is_visited(self, key);
    if (visited != 0 || self->released) {
        return visited < 0 ? -1 : 0;
    }
    /* Fully armed: if other code brings it back, its events are delivered. */
    int disabled = PyDict_Contains(self->dirty, key) || PyDict_Contains(self->off, key);
    if (PyErr_Occurred() || (disabled && rearm(self, key, code) < 0)) {
        return -1;
    }
    PyObject *all[] = {self->codes, self->extents, self->offsets};
    for (int i = 0; i < 3; i++) {
        if (forget(all[i], key) < 0) {
            return -1;
        }
    }
    return 1;
}

/* Captures */

/* Steals the reference to the marks. */
static void
set_last(Locations *self, PyObject *lines, PyObject *code, PyObject *marks, long first, PyObject *offsets)
{
    PyObject *before[] = {self->last_lines, self->last_code, self->last_marks, self->last_offsets};
    self->last_lines = Py_XNewRef(lines);
    self->last_code = Py_XNewRef(code);
    self->last_marks = marks;
    self->last_first = first;
    self->last_offsets = Py_XNewRef(offsets);
    for (int i = 0; i < 4; i++) {
        Py_XDECREF(before[i]);
    }
}

static void
forget_last(Locations *self)
{
    set_last(self, NULL, NULL, NULL, 0, NULL);
}

static int
enter(Locations *self, PyObject *lines)
{
    PyObject *key = PyLong_FromVoidPtr(lines);
    if (key == NULL) {
        return -1;
    }
    int status = PyDict_SetItem(self->open, key, lines);
    Py_DECREF(key);
    return status;
}

static int
leave(Locations *self, PyObject *lines)
{
    if (lines == self->last_lines) {
        forget_last(self);
    }
    PyObject *key = PyLong_FromVoidPtr(lines);
    if (key == NULL) {
        return -1;
    }
    int status = forget(self->open, key);
    Py_DECREF(key);
    return status;
}

static int discover(Locations *self, PyObject *code);

/* Get the first line of the code and the number of its lines. Returns whether it is armed; code that was forgotten and
 * runs again is armed here. -1 with an exception. */
static int
extent_of(Locations *self, PyObject *key, PyObject *code, long *first, Py_ssize_t *count)
{
    PyObject *extent = PyDict_GetItemWithError(self->extents, key);
    if (extent == NULL && !PyErr_Occurred() && discover(self, code) >= 0) {
        extent = PyDict_GetItemWithError(self->extents, key);
    }
    if (extent == NULL) {
        return PyErr_Occurred() ? -1 : 0;
    }
    *first = PyLong_AsLong(PyTuple_GetItem(extent, 0));
    *count = PyLong_AsSsize_t(PyTuple_GetItem(extent, 1));
    return *count < 0 ? -1 : 1;
}

static PyObject *
new_marks(Py_ssize_t count)
{
    PyObject *marks = PyByteArray_FromStringAndSize(NULL, count);
    if (marks != NULL) {
        memset(PyByteArray_AsString(marks), 0, count);
    }
    return marks;
}

/* A new reference to the marks, which are created at the first visit of the code. NULL with an exception, or without
 * one if the code was forgotten and cannot be armed. */
static PyObject *
visit(Locations *self, PyObject *lines, PyObject *key, PyObject *code, long *first)
{
    Py_ssize_t count;
    if (extent_of(self, key, code, first, &count) <= 0) {
        return NULL;
    }
    PyObject *marks = PyDict_GetItemWithError(lines, key);
    if (marks != NULL) {
        return Py_NewRef(marks);
    }
    if (PyErr_Occurred() || (marks = new_marks(count)) == NULL) {
        return NULL;
    }
    *heat_of(self, code) = 0;
    /* Armed first: a capture that has visited the code would not arm it again. */
    int dirty = PyDict_Contains(self->dirty, key);
    if (dirty < 0 || (dirty && rearm(self, key, code) < 0) || PyDict_SetItem(lines, key, marks) < 0) {
        Py_DECREF(marks);
        return NULL;
    }
    return marks;
}

/* Let the cache hold what the capture collects of this code. Returns whether it collects anything; -1 with an
 * exception. */
static int
look_up(Locations *self, PyObject *lines, PyObject *code)
{
    if (code == self->last_code && lines == self->last_lines) {
        return 1;
    }
    PyObject *key = PyLong_FromVoidPtr(code);
    if (key == NULL) {
        return -1;
    }
    long first;
    PyObject *marks = visit(self, lines, key, code, &first);
    if (marks != NULL) {
        int rare = PyDict_Size(self->offsets) > 0;
        set_last(self, lines, code, marks, first, rare ? PyDict_GetItemWithError(self->offsets, key) : NULL);
    }
    Py_DECREF(key);
    return marks != NULL ? 1 : PyErr_Occurred() ? -1 : 0;
}

/* A new reference to the lines that the current context collects; NULL with an exception. */
static PyObject *
current_lines(Locations *self)
{
    PyObject *handle = PyObject_CallNoArgs(self->get_handle);
    if (handle == NULL) {
        return NULL;
    }
    PyObject *lines = handle == Py_None ? self->ambient : PyTuple_GetItem(handle, 0);
    Py_XINCREF(lines);
    Py_DECREF(handle);
    return lines;
}

/* True if all open captures that have visited the code have the line; -1 with an exception. */
static int
no_capture_needs_line(Locations *self, PyObject *key, Py_ssize_t index)
{
    PyObject *identity, *lines;
    Py_ssize_t position = 0;
    while (PyDict_Next(self->open, &position, &identity, &lines)) {
        PyObject *marks = PyDict_GetItemWithError(lines, key);
        if (marks == NULL) {
            if (PyErr_Occurred()) {
                return -1;
            }
            continue;
        }
        if (!PyByteArray_AsString(marks)[index]) {
            return 0;
        }
    }
    return 1;
}

/* True if all open captures but the ambient one have visited the code; -1 with an exception. */
static int
no_capture_needs_start(Locations *self, PyObject *key, Py_ssize_t Py_UNUSED(index))
{
    PyObject *identity, *lines;
    Py_ssize_t position = 0;
    while (PyDict_Next(self->open, &position, &identity, &lines)) {
        if (lines == self->ambient) {
            continue;
        }
        int visited = PyDict_Contains(lines, key);
        if (visited <= 0) {
            return visited;
        }
    }
    return 1;
}

/* Events: their work is part of the cost of every request. The functions return whether the location is to be disabled,
 * and then have set the corresponding mark; -1 with an exception. */

typedef int (*predicate)(Locations *self, PyObject *key, Py_ssize_t index);

/* Handle an event that brings nothing new. */
static int
known_event(Locations *self, PyObject *code, Py_ssize_t index, predicate is_settled, PyObject *disabled)
{
    unsigned char *heat = heat_of(self, code);
    if (*heat < HOT) {
        ++*heat;
        return 0;
    }
    PyObject *key = PyLong_FromVoidPtr(code);
    if (key == NULL) {
        return -1;
    }
    int disable = is_settled(self, key, index);
    if (disable > 0 && PyDict_SetItem(disabled, key, code) < 0) {
        disable = -1;
    }
    Py_DECREF(key);
    return disable;
}

/* The line of the current frame's current instruction, if the frame runs the code; 0 if there is none. */
static long
line_by_offset(PyObject *code, PyObject *offsets)
{
    PyFrameObject *frame = PyEval_GetFrame();
    PyObject *running = frame == NULL ? NULL : (PyObject *)PyFrame_GetCode(frame);
    PyObject *offset = running == code ? PyObject_GetAttrString((PyObject *)frame, "f_lasti") : NULL;
    PyObject *line = offset == NULL ? NULL : PyDict_GetItemWithError(offsets, offset);
    Py_XDECREF(running);
    Py_XDECREF(offset);
    return line == NULL ? 0 : PyLong_AsLong(line);
}

static int
line_event(Locations *self, PyObject *lines, PyObject *code, long line)
{
    int collects = look_up(self, lines, code);
    if (collects <= 0) {
        return collects;
    }
    if (self->last_offsets != NULL) {
        line = line_by_offset(code, self->last_offsets);
        if (PyErr_Occurred()) {
            return -1;
        }
    }
    char *marks = PyByteArray_AsString(self->last_marks);
    Py_ssize_t index = line - self->last_first;
    if (index < 0 || index >= PyByteArray_Size(self->last_marks)) {
        return 0;
    }
    if (!marks[index]) {
        marks[index] = 1;
        return 0;
    }
    return known_event(self, code, index, no_capture_needs_line, self->dirty);
}

static int
start_event(Locations *self, PyObject *lines, PyObject *code, long Py_UNUSED(offset))
{
    Py_ssize_t visited = PyDict_Size(lines);
    int collects = look_up(self, lines, code);
    if (collects <= 0 || PyDict_Size(lines) > visited) {
        return collects < 0 ? -1 : 0;
    }
    return known_event(self, code, 0, no_capture_needs_start, self->off);
}

/* New code */

/* A new list of the code's ranges of bytecode: start, end, line or None; NULL with an exception. */
static PyObject *
ranges_of(PyObject *code)
{
    PyObject *iterator = PyObject_CallMethod(code, "co_lines", NULL);
    PyObject *ranges = iterator == NULL ? NULL : PySequence_List(iterator);
    Py_XDECREF(iterator);
    return ranges;
}

static long
number_in(PyObject *ranges, Py_ssize_t i, Py_ssize_t item)
{
    return PyLong_AsLong(PyTuple_GetItem(PyList_GetItem(ranges, i), item));
}

static PyObject *
line_in(PyObject *ranges, Py_ssize_t i)
{
    PyObject *line = PyTuple_GetItem(PyList_GetItem(ranges, i), 2);
    return line == Py_None ? NULL : line;
}

/* A new reference to the first line and the number of lines, without lines after the limit. */
static PyObject *
make_extent(PyObject *ranges, long first, long line_limit)
{
    long last = 0;
    int found = 0;
    for (Py_ssize_t i = 0; i < PyList_Size(ranges); i++) {
        if (line_in(ranges, i) != NULL) {
            long line = number_in(ranges, i, 2);
            first = !found || line < first ? line : first;
            last = !found || line > last ? line : last;
            found = 1;
        }
    }
    last = !found ? first : last;
    last = last > line_limit ? line_limit : last;
    return Py_BuildValue("(ln)", first, (Py_ssize_t)(last < first ? 0 : last - first + 1));
}

/* A new dict of the lines of all offsets. */
static PyObject *
make_offsets(PyObject *ranges)
{
    PyObject *offsets = PyDict_New();
    for (Py_ssize_t i = 0; offsets != NULL && i < PyList_Size(ranges); i++) {
        PyObject *line = line_in(ranges, i);
        long end = line == NULL ? 0 : number_in(ranges, i, 1);
        for (long offset = number_in(ranges, i, 0); offset < end; offset += INSTRUCTION) {
            PyObject *key = PyLong_FromLong(offset);
            if (key == NULL || PyDict_SetItem(offsets, key, line) < 0) {
                Py_CLEAR(offsets);
                end = 0;
            }
            Py_XDECREF(key);
        }
    }
    return offsets;
}

/* Steals the reference to the value. */
static int
set_item(PyObject *dict, PyObject *key, PyObject *value)
{
    int status = value == NULL ? -1 : PyDict_SetItem(dict, key, value);
    Py_XDECREF(value);
    return status;
}

/* Record the range of the code's lines; -1 with an exception. See offsets_of in locations.py for when offsets are
 * needed. */
static int
note_lines(Locations *self, PyObject *key, PyObject *code, long line_limit)
{
    PyObject *ranges = ranges_of(code);
    PyObject *number = ranges == NULL ? NULL : PyObject_GetAttrString(code, "co_firstlineno");
    PyObject *extent = number == NULL ? NULL : make_extent(ranges, PyLong_AsLong(number), line_limit);
    int status = extent == NULL ? -1 : PyDict_SetItem(self->extents, key, extent);
    if (status == 0 && PyLong_AsLong(PyTuple_GetItem(extent, 0)) < PyLong_AsLong(number) - 1) {
        status = set_item(self->offsets, key, make_offsets(ranges));
    }
    Py_XDECREF(ranges);
    Py_XDECREF(number);
    Py_XDECREF(extent);
    return status;
}

static int
arm(Locations *self, PyObject *key, PyObject *code, PyObject *file)
{
    PyObject *path = PyTuple_GetItem(file, 0);
    PyObject *line_limit = path == NULL ? NULL : PyTuple_GetItem(file, 1);
    if (line_limit == NULL || note_lines(self, key, code, PyLong_AsLong(line_limit)) < 0) {
        return -1;
    }
    if (set_item(self->codes, key, PyTuple_Pack(2, code, path)) < 0) {
        return -1;
    }
    int status = set_all_events(self, code);
    if (status < 0) {
        /* Not armed, so not recorded: the next start tries again. */
        PyObject *error = PyErr_GetRaisedException();
        forget(self->codes, key);
        forget(self->extents, key);
        PyErr_SetRaisedException(error);
        status = stop_if_freed(self);
    }
    return status;
}

/* A new reference to the path and line limit of the code's file, or to None if that is not measured; NULL with an
 * exception, or without one if it could not be decided. The decision is Python code, in which any code can run. */
static PyObject *
file_of(Locations *self, PyObject *code)
{
    PyObject *filename = PyObject_GetAttrString(code, "co_filename");
    if (filename == NULL) {
        return NULL;
    }
    PyObject *file = PyDict_GetItemWithError(self->files, filename);
    if (file == NULL && !PyErr_Occurred()) {
        PyObject *arguments = PyTuple_Pack(1, code);
        PyObject *result = arguments == NULL ? NULL : PyObject_CallFunctionObjArgs(
            self->call_tracing, self->decide, arguments, NULL);
        file = result == NULL ? NULL : PyDict_GetItemWithError(self->files, filename);
        Py_XDECREF(arguments);
        Py_XDECREF(result);
    }
    Py_DECREF(filename);
    return Py_XNewRef(file);
}

enum {NOT_MEASURED, ARMED, UNDECIDED};

/* Arm the code if it is the application's; -1 with an exception. */
static int
discover(Locations *self, PyObject *code)
{
    PyObject *key = PyLong_FromVoidPtr(code);
    int known = key == NULL ? -1 : PyDict_Contains(self->codes, key);
    if (known != 0) {
        Py_XDECREF(key);
        return known < 0 ? -1 : ARMED;
    }
    PyObject *file = file_of(self, code);
    int found = file == Py_None ? NOT_MEASURED : UNDECIDED;
    if (file == NULL) {
        found = PyErr_Occurred() ? -1 : UNDECIDED;
    } else if (file != Py_None && !self->released) {
        found = arm(self, key, code, file) < 0 ? -1 : self->released ? UNDECIDED : ARMED;
    }
    Py_XDECREF(file);
    Py_DECREF(key);
    return found;
}

/* Handle the first start of a code object anywhere in the process. The events set here do not fire for that start. */
static int
discovery_event(Locations *self, PyObject *code)
{
    int found = discover(self, code);
    PyObject *lines = found == ARMED ? current_lines(self) : NULL;
    if (found == ARMED && (lines == NULL || start_event(self, lines, code, 0) < 0)) {
        found = -1;
    }
    Py_XDECREF(lines);
    return found < 0 ? -1 : found != UNDECIDED;
}

/* Handle an exception that enters a generator or coroutine: no start fires, and it may be older than the engine. */
static int
throw_event(Locations *self, PyObject *code)
{
    int found = discover(self, code);
    PyObject *lines = found == ARMED ? current_lines(self) : NULL;
    int status = found == ARMED && (lines == NULL || look_up(self, lines, code) < 0) ? -1 : 0;
    Py_XDECREF(lines);
    return found < 0 ? -1 : status;
}

/* Callbacks */

/* Convert the result of an event's function. */
static PyObject *
disable_or_not(Locations *self, int disable)
{
    return disable < 0 ? NULL : Py_NewRef(disable ? self->disable : Py_None);
}

static PyObject *
callback(
    Locations *self, PyObject *const *arguments, Py_ssize_t count,
    int (*event)(Locations *self, PyObject *lines, PyObject *code, long number))
{
    if (count != 2) {
        return PyErr_Format(PyExc_TypeError, "a callback takes a code object and a number");
    }
    long number = PyLong_AsLong(arguments[1]);
    PyObject *lines = number == -1 && PyErr_Occurred() ? NULL : current_lines(self);
    int disable = lines == NULL ? -1 : event(self, lines, arguments[0], number);
    Py_XDECREF(lines);
    return disable_or_not(self, disable);
}

static PyObject *
Locations_on_line(Locations *self, PyObject *const *arguments, Py_ssize_t count)
{
    return callback(self, arguments, count, line_event);
}

static PyObject *
Locations_on_start(Locations *self, PyObject *const *arguments, Py_ssize_t count)
{
    return callback(self, arguments, count, start_event);
}

static PyObject *
Locations_on_discovery(Locations *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        return PyErr_Format(PyExc_TypeError, "on_discovery takes a code object and an offset");
    }
    return disable_or_not(self, discovery_event(self, arguments[0]));
}

static PyObject *
Locations_on_throw(Locations *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 3) {
        return PyErr_Format(PyExc_TypeError, "on_throw takes a code object, an offset and an exception");
    }
    return disable_or_not(self, throw_event(self, arguments[0]));
}

/* The other methods */

static PyObject *
none_or_error(int status)
{
    return status < 0 ? NULL : Py_NewRef(Py_None);
}

static PyObject *
Locations_enter(Locations *self, PyObject *lines)
{
    return none_or_error(enter(self, lines) < 0 || rearm_off(self) < 0 ? -1 : 0);
}

static PyObject *
Locations_leave(Locations *self, PyObject *lines)
{
    return none_or_error(leave(self, lines));
}

static PyObject *
Locations_renew_ambient(Locations *self, PyObject *Py_UNUSED(ignored))
{
    PyObject *fresh = PyDict_New();
    if (fresh == NULL || enter(self, fresh) < 0) {
        Py_XDECREF(fresh);
        return NULL;
    }
    PyObject *ended = self->ambient;
    self->ambient = fresh;
    if (leave(self, ended) < 0) {
        Py_DECREF(ended);
        return NULL;
    }
    return ended;
}

static PyObject *
Locations_visit(Locations *self, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2 || !PyDict_Check(arguments[0])) {
        return PyErr_Format(PyExc_TypeError, "visit takes a dict of lines and a code object");
    }
    PyObject *key = PyLong_FromVoidPtr(arguments[1]);
    long first;
    PyObject *marks = key == NULL ? NULL : visit(self, arguments[0], key, arguments[1], &first);
    Py_XDECREF(key);
    return marks != NULL || PyErr_Occurred() ? marks : Py_NewRef(Py_None);
}

static PyObject *
Locations_discover(Locations *self, PyObject *code)
{
    int found = discover(self, code);
    if (found == UNDECIDED) {
        return Py_NewRef(Py_None);
    }
    return found < 0 ? NULL : PyBool_FromLong(found == ARMED);
}

static PyObject *
Locations_rearm(Locations *self, PyObject *code)
{
    PyObject *key = PyLong_FromVoidPtr(code);
    int status = key == NULL ? -1 : rearm(self, key, code);
    Py_XDECREF(key);
    return none_or_error(status);
}

static PyObject *
Locations_references(Locations *self, PyObject *key)
{
    PyObject *last = PyLong_FromVoidPtr(self->last_code);
    int is_last = last == NULL ? -1 : PyObject_RichCompareBool(last, key, Py_EQ);
    int dirty = PyDict_Contains(self->dirty, key);
    int off = PyDict_Contains(self->off, key);
    Py_XDECREF(last);
    return PyErr_Occurred() ? NULL : PyLong_FromLong(is_last + dirty + off);
}

static PyObject *
Locations_forget(Locations *self, PyObject *code)
{
    if (code == self->last_code) {
        forget_last(self);
    }
    PyObject *key = PyLong_FromVoidPtr(code);
    int forgotten = key == NULL ? -1 : forget_code(self, key, code);
    Py_XDECREF(key);
    return forgotten < 0 ? NULL : PyBool_FromLong(forgotten);
}

static PyObject *
Locations_rearm_off(Locations *self, PyObject *Py_UNUSED(ignored))
{
    return none_or_error(rearm_off(self));
}

static PyObject *
Locations_release(Locations *self, PyObject *codes)
{
    self->released = 1;
    PyObject *iterator = PyObject_GetIter(codes);
    if (iterator == NULL) {
        return NULL;
    }
    PyObject *code;
    int status = 0;
    while (status == 0 && (code = PyIter_Next(iterator)) != NULL) {
        status = set_events(self, code, self->no_events);
        Py_DECREF(code);
    }
    Py_DECREF(iterator);
    return none_or_error(PyErr_Occurred() ? -1 : status);
}

/* The type */

static long
event(PyObject *events, const char *name)
{
    PyObject *number = PyObject_GetAttrString(events, name);
    long value = number == NULL ? -1 : PyLong_AsLong(number);
    Py_XDECREF(number);
    return value;
}

static int
find_monitoring(Locations *self)
{
    PyObject *monitoring = PySys_GetObject("monitoring");
    if (monitoring == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys.monitoring");
        return -1;
    }
    PyObject *events = PyObject_GetAttrString(monitoring, "events");
    if (events != NULL) {
        self->events = event(events, "LINE") | event(events, "PY_START");
        self->resumable_events = self->events | event(events, "PY_RESUME");
        Py_DECREF(events);
    }
    self->set_local_events = PyObject_GetAttrString(monitoring, "set_local_events");
    self->disable = PyObject_GetAttrString(monitoring, "DISABLE");
    self->no_events = PyLong_FromLong(0);
    self->call_tracing = Py_XNewRef(PySys_GetObject("call_tracing"));
    if (self->call_tracing == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "this interpreter has no sys.call_tracing");
    }
    return PyErr_Occurred() ? -1 : 0;
}

static int
Locations_init(Locations *self, PyObject *arguments, PyObject *Py_UNUSED(keywords))
{
    PyObject *tool, *handle, *decisions;
    if (!PyArg_ParseTuple(arguments, "O!OO:Locations", &PyLong_Type, &tool, &handle, &decisions)) {
        return -1;
    }
    if (self->open != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "Locations is initialized already");
        return -1;
    }
    self->tool = Py_NewRef(tool);
    self->files = PyObject_GetAttrString(decisions, "files");
    self->decide = PyObject_GetAttrString(decisions, "decide");
    self->open = PyDict_New();
    self->ambient = PyDict_New();
    self->dirty = PyDict_New();
    self->off = PyDict_New();
    self->codes = PyDict_New();
    self->extents = PyDict_New();
    self->offsets = PyDict_New();
    self->get_handle = PyObject_GetAttrString(handle, "get");
    if (PyErr_Occurred() || find_monitoring(self) < 0) {
        return -1;
    }
    return enter(self, self->ambient);
}

static int
Locations_traverse(Locations *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->open);
    Py_VISIT(self->ambient);
    Py_VISIT(self->dirty);
    Py_VISIT(self->off);
    Py_VISIT(self->codes);
    Py_VISIT(self->files);
    Py_VISIT(self->extents);
    Py_VISIT(self->offsets);
    Py_VISIT(self->decide);
    Py_VISIT(self->call_tracing);
    Py_VISIT(self->tool);
    Py_VISIT(self->get_handle);
    Py_VISIT(self->set_local_events);
    Py_VISIT(self->disable);
    Py_VISIT(self->no_events);
    Py_VISIT(self->last_lines);
    Py_VISIT(self->last_code);
    Py_VISIT(self->last_marks);
    Py_VISIT(self->last_offsets);
    return 0;
}

/* No tp_clear: only dicts of captures can be in a cycle with this object, and those are emptied when they end. */
static void
Locations_dealloc(Locations *self)
{
    PyTypeObject *type = Py_TYPE((PyObject *)self);
    PyObject_GC_UnTrack(self);
    Py_XDECREF(self->open);
    Py_XDECREF(self->ambient);
    Py_XDECREF(self->dirty);
    Py_XDECREF(self->off);
    Py_XDECREF(self->codes);
    Py_XDECREF(self->files);
    Py_XDECREF(self->extents);
    Py_XDECREF(self->offsets);
    Py_XDECREF(self->decide);
    Py_XDECREF(self->call_tracing);
    Py_XDECREF(self->tool);
    Py_XDECREF(self->get_handle);
    Py_XDECREF(self->set_local_events);
    Py_XDECREF(self->disable);
    Py_XDECREF(self->no_events);
    forget_last(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}

static PyMethodDef Locations_methods[] = {
    {"on_line", (PyCFunction)(void (*)(void))Locations_on_line, METH_FASTCALL, NULL},
    {"on_start", (PyCFunction)(void (*)(void))Locations_on_start, METH_FASTCALL, NULL},
    {"on_discovery", (PyCFunction)(void (*)(void))Locations_on_discovery, METH_FASTCALL, NULL},
    {"on_throw", (PyCFunction)(void (*)(void))Locations_on_throw, METH_FASTCALL, NULL},
    {"discover", (PyCFunction)Locations_discover, METH_O, NULL},
    {"enter", (PyCFunction)Locations_enter, METH_O, NULL},
    {"leave", (PyCFunction)Locations_leave, METH_O, NULL},
    {"renew_ambient", (PyCFunction)Locations_renew_ambient, METH_NOARGS, NULL},
    {"visit", (PyCFunction)(void (*)(void))Locations_visit, METH_FASTCALL, NULL},
    {"rearm", (PyCFunction)Locations_rearm, METH_O, NULL},
    {"references", (PyCFunction)Locations_references, METH_O, NULL},
    {"forget", (PyCFunction)Locations_forget, METH_O, NULL},
    {"rearm_off", (PyCFunction)Locations_rearm_off, METH_NOARGS, NULL},
    {"release", (PyCFunction)Locations_release, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef Locations_members[] = {
    {"open", Py_T_OBJECT_EX, offsetof(Locations, open), Py_READONLY, NULL},
    {"ambient", Py_T_OBJECT_EX, offsetof(Locations, ambient), Py_READONLY, NULL},
    {"codes", Py_T_OBJECT_EX, offsetof(Locations, codes), Py_READONLY, NULL},
    {"extents", Py_T_OBJECT_EX, offsetof(Locations, extents), Py_READONLY, NULL},
    {"dirty", Py_T_OBJECT_EX, offsetof(Locations, dirty), Py_READONLY, NULL},
    {"off", Py_T_OBJECT_EX, offsetof(Locations, off), Py_READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyType_Slot Locations_slots[] = {
    {Py_tp_doc, "Locations(tool, handle, decisions)\n--\n\nThe same as flask_livecoverage.engines.locations.Locations."},
    {Py_tp_new, PyType_GenericNew},
    {Py_tp_init, Locations_init},
    {Py_tp_traverse, Locations_traverse},
    {Py_tp_dealloc, Locations_dealloc},
    {Py_tp_methods, Locations_methods},
    {Py_tp_members, Locations_members},
    {0, NULL},
};

static PyType_Spec Locations_spec = {
    .name = "flask_livecoverage.engines._locations.Locations",
    .basicsize = sizeof(Locations),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC,
    .slots = Locations_slots,
};

static int
module_exec(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &Locations_spec, NULL);
    int status = type == NULL ? -1 : PyModule_AddObjectRef(module, "Locations", type);
    Py_XDECREF(type);
    return status;
}

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
    {0, NULL},
};

static PyModuleDef module_definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_locations",
    .m_slots = module_slots,
};

PyMODINIT_FUNC
PyInit__locations(void)
{
    return PyModuleDef_Init(&module_definition);
}
