/* os.write for append_file.py, without releasing the GIL.
 *
 * A write into the page cache takes a microsecond or two. Releasing the GIL for it, and acquiring it again, costs a
 * switch of threads as soon as other threads wait for it: ten times as much.
 *
 * Built for the stable ABI of Python 3.11 (PEP 384), so that one build serves all later versions.
 */

#define Py_LIMITED_API 0x030B0000
#include <Python.h>
#include <errno.h>
#include <unistd.h>

static PyObject *
appended_write(PyObject *Py_UNUSED(module), PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 2) {
        return PyErr_Format(PyExc_TypeError, "write takes a descriptor and bytes");
    }
    char *data;
    Py_ssize_t size;
    long descriptor = PyLong_AsLong(arguments[0]);
    if ((descriptor == -1 && PyErr_Occurred()) || PyBytes_AsStringAndSize(arguments[1], &data, &size) < 0) {
        return NULL;
    }
    ssize_t written;
    do {
        written = write((int)descriptor, data, (size_t)size);
    } while (written < 0 && errno == EINTR && PyErr_CheckSignals() == 0);
    if (written < 0) {
        return PyErr_Occurred() ? NULL : PyErr_SetFromErrno(PyExc_OSError);
    }
    return PyLong_FromSsize_t(written);
}

static PyMethodDef appended_methods[] = {
    {"write", (PyCFunction)(void (*)(void))appended_write, METH_FASTCALL,
     "write(descriptor, data, /)\n--\n\nLike os.write, without releasing the GIL."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef appended_module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_appended",
    .m_methods = appended_methods,
};

PyMODINIT_FUNC
PyInit__appended(void)
{
    return PyModuleDef_Init(&appended_module);
}
