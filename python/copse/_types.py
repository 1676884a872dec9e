"""What values a map has: from what programs write to the stored record layout and back.

A spec is the tuple that the extension makes a codec from, together with the layout as text; see
_codec.c. Programs write a value type as

    None, "bytes"     byte strings of any size
    an int            byte strings of exactly that size
    "u8" ... "c64"    one number: u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 c32 c64
    a numpy dtype     a number, an array or a record
    a struct.Struct   a tuple
"""
import re
import struct
from typing import NamedTuple, Optional

BYTES, SCALAR, ARRAY, RECORD, STRUCT = range(5)

# kind: (code, bytes, numpy's name)
KINDS = {
    "u8": (1, 1, "u1"), "i8": (2, 1, "i1"), "u16": (3, 2, "u2"), "i16": (4, 2, "i2"),
    "u32": (5, 4, "u4"), "i32": (6, 4, "i4"), "u64": (7, 8, "u8"), "i64": (8, 8, "i8"),
    "f32": (9, 4, "f4"), "f64": (10, 8, "f8"), "text": (11, 1, "S"), "bytes": (12, 1, "V"),
    "pad": (13, 1, None), "c32": (14, 8, "c8"), "c64": (15, 16, "c16"),
}
BY_NUMPY = {numpy_name: kind for kind, (_, _, numpy_name) in KINDS.items()
            if numpy_name not in (None, "S", "V")}
BY_STRUCT = {"b": "i8", "B": "u8", "?": "u8", "h": "i16", "H": "u16", "i": "i32", "I": "u32",
             "l": "i64", "L": "u64", "q": "i64", "Q": "u64", "n": "i64", "N": "u64",
             "f": "f32", "d": "f64", "s": "bytes", "c": "bytes", "x": "pad"}


class Spec(NamedTuple):
    """size: of a fixed-size value, else 0; layout: as text, or None; codec: for the extension."""

    size: int
    layout: Optional[str]
    codec: tuple
    value: object  # as the program sees it: None, int, str, dtype or Struct

    def dtype(self):
        """The numpy dtype of a value; None when there is none."""
        kind, size, field, dtype, _, _, _, shape = self.codec
        if not size:
            return None
        import numpy
        if kind == SCALAR:
            return numpy.dtype(next(name for code, _, name in KINDS.values() if code == field))
        if kind in (BYTES, STRUCT):
            return numpy.dtype(f"V{size}")
        return numpy.dtype((dtype, shape)) if shape else dtype

    def rows(self, values):
        """Values for the extension: (buffer, bytes of each), or a list."""
        if not hasattr(values, "dtype") or not self.size:
            return values if isinstance(values, list) else list(values)
        import numpy
        dtype = self.dtype()
        base, shape = dtype.subdtype or (dtype, ())
        if values.ndim < 1 or values.shape[1:] != shape:
            raise ValueError(f"the values' shape is {values.shape}; (n, *{shape}) is expected")
        return raw(cast(values, base)), self.size


def spec(value):
    """The Spec of a value type."""
    if value is None or isinstance(value, str) and value == "bytes":
        return Spec(0, None, (BYTES, 0, 0, None, None, None, None, ()), None)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError("a value has at least one byte")
        return Spec(value, None, (BYTES, value, 0, None, None, None, None, ()), value)
    if isinstance(value, struct.Struct):
        return of_struct(value)
    if isinstance(value, str) and value in KINDS and KINDS[value][0] not in (11, 12, 13):
        return of_scalar(value, value)
    try:
        import numpy
        dtype = numpy.dtype(value)
    except ImportError:
        raise TypeError(f"{value!r} is no value type known without numpy: it may be None, a size, "
                        "the name of a number such as 'f64', or a struct.Struct") from None
    except TypeError:
        raise TypeError(f"{value!r} is no value type: it may be None, a size, the name of a "
                        "number such as 'f64', a numpy dtype, or a struct.Struct") from None
    return of_dtype(dtype)


def of_scalar(kind, value):
    code, size, _ = KINDS[kind]
    return Spec(size, f"scalar {{ {kind} value; }}",
                (SCALAR, size, code, None, None, None, None, ()), value)


# --- numpy ------------------------------------------------------------------------------------


def of_dtype(dtype):
    import numpy
    if dtype.hasobject:
        raise TypeError("Python objects cannot be stored in records; pickle them to bytes")
    if dtype.itemsize == 0:
        raise TypeError(f"{dtype} has no fixed size; give one, such as 'S8'")
    fields = []
    flatten(dtype, "", 0, fields)
    base, shape = dtype.subdtype or (dtype, ())
    kind = number_kind(base)
    if kind and not shape and base.kind in "uifc":
        return of_scalar(kind, dtype)
    if base.names or not shape:
        name = "record"
    else:
        name = "array_" + "x".join(map(str, shape))
    layout = f"{name} {{ {' '.join(fields_with_padding(fields, dtype.itemsize))} }}"
    if shape and not base.names:
        buffer_format = memoryview(numpy.empty(0, base)).format if base.kind in "uifcb" else ""
        codec = (ARRAY, dtype.itemsize, 0, base, buffer_format.encode(), ArrayEncoder(base, shape),
                 None, shape)
    elif shape:
        codec = (ARRAY, dtype.itemsize, 0, base, b"", ArrayEncoder(base, shape), None, shape)
    else:
        codec = (RECORD, dtype.itemsize, 0, dtype, b"", RecordEncoder(dtype), None, ())
    return Spec(dtype.itemsize, layout, codec, dtype)


def number_kind(dtype):
    """The kind of field that an element of this dtype is, or None."""
    if not dtype.isnative:
        raise TypeError(f"{dtype} is not in this machine's byte order; use newbyteorder('=')")
    if dtype.kind in "mM":
        return "i64"
    if dtype.kind == "b":
        return "u8"
    return BY_NUMPY.get(f"{dtype.kind}{dtype.itemsize}")


def flatten(dtype, name, offset, fields):
    """Appends (offset, bytes, kind, name, count) of each field to fields."""
    base, shape = dtype.subdtype or (dtype, ())
    count = 1
    for n in shape:
        count *= n
    if base.names:
        if count != 1:
            raise TypeError(f"the field {name or dtype} is an array of records; use arrays of "
                            "numbers in a record")
        for field in base.names:
            inner, at = base.fields[field][:2]
            flatten(inner, f"{name}.{field}" if name else field, offset + at, fields)
        return
    name = name or "value"
    if base.kind in "SV":
        kind, count = ("text" if base.kind == "S" else "bytes"), count * base.itemsize
    else:
        kind = number_kind(base)
    if kind is None:
        raise TypeError(f"{base} cannot be stored (field {name}); what can: integers and floats "
                        "of up to 64 bits, complex64 and complex128, bool, S, V, datetime64")
    fields.append((offset, dtype.itemsize, kind, name, count))


def fields_with_padding(fields, size):
    at, pads = 0, 0
    for offset, length, kind, name, count in sorted(fields) + [(size, 0, None, None, 0)]:
        if offset < at:
            raise TypeError(f"the fields of the dtype overlap at {name}")
        if offset > at:
            yield f"pad pad{pads}_[{offset - at}];"
            pads += 1
        if kind:
            yield f"{kind} {name}[{count}];" if count != 1 else f"{kind} {name};"
        at = offset + length


class ArrayEncoder:
    """Makes an array of the map's type and shape from what is not one yet, or says why not."""

    def __init__(self, dtype, shape):
        self.dtype, self.shape = dtype, shape

    def __call__(self, value):
        import numpy
        array = numpy.asarray(value)
        if array.shape != self.shape:
            raise ValueError(f"the value's shape is {array.shape}, the map's values have "
                             f"{self.shape}")
        return raw(cast(array, self.dtype))


def raw(array):
    """The bytes of an array, as a flat array of them: some dtypes can't be exported as buffers."""
    import numpy
    return numpy.ascontiguousarray(array).reshape(-1).view(numpy.uint8)


def flat(array):
    """A contiguous array of one's own as bytes that can be written through."""
    import numpy
    return array.reshape(-1).view(numpy.uint8)


def check_rows(out, count, dtype):
    base, shape = dtype.subdtype or (dtype, ())
    if out.shape != (count, *shape) or out.dtype != base or not out.flags.c_contiguous:
        raise ValueError(f"out must be a contiguous array of shape {(count, *shape)} and dtype "
                         f"{base}, not {out.shape} and {out.dtype}")


def cast(array, dtype):
    import numpy
    if array.dtype == dtype:
        return array
    # Of lists and numbers numpy has chosen the type itself: those may be narrowed.
    if not numpy.can_cast(array.dtype, dtype, "safe"):
        raise TypeError(f"the value's dtype is {array.dtype}, which {dtype} cannot hold without "
                        f"loss; convert it: astype({str(dtype)!r})")
    return array.astype(dtype)


class RecordEncoder:
    """Makes a record of the map's dtype from a tuple, a record or a 0-dimensional array."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __call__(self, value):
        import numpy
        try:
            array = numpy.asarray(value) if isinstance(value, (numpy.generic, numpy.ndarray)) \
                else numpy.array(value, self.dtype)
            if array.dtype != self.dtype:
                if array.dtype.names != self.dtype.names:
                    raise TypeError("other fields")
                array = array.astype(self.dtype, casting="safe")
        except (TypeError, ValueError) as error:
            raise TypeError(f"the value {value!r} is no record {self.dtype}: {error}") from None
        if array.shape != ():
            raise ValueError(f"one record is expected, not an array of shape {array.shape}")
        return array.tobytes()


# --- struct -----------------------------------------------------------------------------------


def of_struct(packer):
    text = packer.format
    order = text[0] if text[0] in "@=<>!" else "@"
    if order in ">!" and packer.size > 1:
        raise TypeError(f"struct format {text!r} is big-endian; records are little-endian: '<...'")
    fields, done = [], ""
    for count, code in re.findall(r"\s*(\d*)([a-zA-Z?])", text.lstrip("@=<>!")):
        kind = BY_STRUCT.get(code)
        if kind is None:
            raise TypeError(f"struct code {code!r} cannot be stored in a record")
        if order != "@" and code in "lL":
            kind = "i32" if code == "l" else "u32"
        done += (count or "1") + code
        n = int(count or 1)
        size = n * KINDS[kind][1]
        at = struct.calcsize(order + done) - size
        if n and kind != "pad":
            fields.append((at, size, kind, f"f{len(fields)}", n))
    layout = f"record {{ {' '.join(fields_with_padding(fields, packer.size))} }}"
    return Spec(packer.size, layout,
                (STRUCT, packer.size, 0, None, None, StructEncoder(packer), packer.unpack, ()),
                packer)


class StructEncoder:
    """Packs a tuple (or one number) into a record."""

    def __init__(self, packer):
        self.packer = packer

    def __call__(self, value):
        try:
            return self.packer.pack(*value) if isinstance(value, (tuple, list)) \
                else self.packer.pack(value)
        except struct.error as error:
            raise TypeError(f"the value {value!r} is no record {self.packer.format!r}: {error}") \
                from None


# --- back -------------------------------------------------------------------------------------

_LAYOUT = re.compile(r"^(\S*)\s*\{(.*)\}$", re.S)
_FIELD = re.compile(r"(\w+)\s+([^\s;\[]+)(?:\[(\d+)\])?;")


def stored(size, layout):
    """The Spec of a map that is there, from its value size and layout."""
    if not layout:
        return spec(size or None)
    name, inside = _LAYOUT.match(layout.strip()).groups()
    fields = [(kind, field, int(count or 1)) for kind, field, count in _FIELD.findall(inside)]
    only = fields[0] if len(fields) == 1 else None
    if only and only[1:] == ("value", 1) and only[0] in KINDS and KINDS[only[0]][2] not in \
            (None, "S", "V"):
        return of_scalar(only[0], only[0])._replace(layout=layout)
    try:
        import numpy
    except ImportError:
        return of_struct(stored_struct(fields))._replace(layout=layout)
    if only and name.startswith("array_") and only[1] == "value":
        shape = tuple(map(int, name[len("array_"):].split("x")))
        return of_dtype(numpy.dtype((KINDS[only[0]][2], shape)))._replace(layout=layout)
    return of_dtype(stored_dtype(fields))._replace(layout=layout)


def stored_dtype(fields):
    import numpy
    names, formats, offsets, at = [], [], [], 0
    for kind, name, count in fields:
        _, size, numpy_name = KINDS[kind]
        if kind in ("text", "bytes"):
            numpy_name, shape = f"{numpy_name}{count}", ()
        else:
            shape = (count,) if count > 1 else ()
        if kind != "pad":
            names.append(name)
            formats.append((numpy_name, shape) if shape else numpy_name)
            offsets.append(at)
        at += size * count
    return numpy.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": at})


def stored_struct(fields):
    codes = {kind: code for code, kind in reversed(BY_STRUCT.items()) if code not in "lLnN?c"}
    text = "<"
    for kind, _, count in fields:
        if kind in ("c32", "c64"):
            text += f"{2 * count}{'f' if kind == 'c32' else 'd'}"
        else:
            text += f"{count}{'s' if kind in ('text', 'bytes') else codes[kind]}"
    return struct.Struct(text)
