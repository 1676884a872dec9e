"""copse.save and copse.load: arrays of any shape and dtype under a key, one line each.

Arrays are kept in the map "arrays", as numpy's own format (.npy) has them, under tuple keys. A
process opens each store once; several processes may save and load at once.
"""
import io

from ._store import shared
from ._types import raw

MAP = "arrays"


def _map(path, create):
    import os
    store = shared(os.path.abspath(os.fsdecode(path)), **({"create": True} if create else {}))
    known = store.__dict__.get("_arrays")
    if known is None:
        known = store.map(MAP, key="tuple", value=None, create=create)
        store._arrays = known
    return known


def _key(key):
    return key if isinstance(key, tuple) else (key,)


def save(path, key, array):
    """Stores an array under a key in the store at path, which is created when it is not there.

    key: text, a number, bytes, or a tuple of such. array: anything that numpy.asarray() takes,
    without Python objects. An array that was there is replaced. When save() has returned, every
    process that loads the key gets this array. Raises NoSpace, TypeError.
    """
    import numpy
    array = numpy.asarray(array)
    if array.dtype.hasobject:
        raise TypeError("Python objects cannot be saved as an array; pickle them to bytes")
    header = io.BytesIO()
    fortran = array.flags.f_contiguous and not array.flags.c_contiguous
    description = {"descr": numpy.lib.format.dtype_to_descr(array.dtype), "fortran_order": fortran,
                   "shape": array.shape}
    numpy.lib.format.write_array_header_1_0(header, description)
    _map(path, True)._put_parts(_key(key), header.getvalue(), raw(array.T if fortran else array))


def load(path, key):
    """The array that was saved under a key, as a copy of one's own.

    Raises KeyError when there is none, NoStore when there is no store.
    """
    import numpy
    try:
        arrays = _map(path, False)
    except LookupError:
        raise KeyError(key) from None
    data = arrays.get(_key(key))
    if data is None:
        raise KeyError(key)
    file = io.BytesIO(data)
    numpy.lib.format.read_magic(file)
    shape, fortran, dtype = numpy.lib.format.read_array_header_1_0(file)
    array = numpy.frombuffer(data, dtype, offset=file.tell())
    array = array.reshape(shape[::-1]).T if fortran else array.reshape(shape)
    return array.copy(order="K")


def saved(path):
    """The keys under which arrays are in the store at path, in order."""
    try:
        keys = list(_map(path, False))
    except LookupError:
        return []
    return [key[0] if len(key) == 1 else key for key in keys]
