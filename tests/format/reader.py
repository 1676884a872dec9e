"""An independent reader of Copse data files, written from docs/FORMAT.md and not from the
library's source. It reads what the newest valid root slot names: a store that was closed
cleanly, or, while one is in use, its last durable version.

  reader.py FILE          lists the maps and arenas
  reader.py FILE MAP      prints a map's records: key and value in hexadecimal, a tab between; an
                          arena's: index, generation and record (of a free slot that had records: -)

Everything is checked on the way: bounds, levels, order, counts. Damage raises Damaged.
"""
import struct
import sys

MAGIC = b"\x89COPSE\r\n"
BLOCK, UNIT, SEGMENT = 4096, 128, 256 * 1024
FIRST_PAGE = 3 * BLOCK
CLASS_UNITS = (list(range(1, 17)) + [20, 24, 28, 32, 40, 48, 56, 64] + list(range(1, 17)))
RUN = 63
LEAF, INNER, TABLE, EXTENT, SHORT, ARENA, SLOTS = 1, 2, 3, 4, 5, 6, 7
IN_EXTENT = 0xFFFF
KINDS = {1: ("u8", "B"), 2: ("i8", "b"), 3: ("u16", "H"), 4: ("i16", "h"), 5: ("u32", "I"),
         6: ("i32", "i"), 7: ("u64", "Q"), 8: ("i64", "q"), 9: ("f32", "f"), 10: ("f64", "d"),
         11: ("text", "s"), 12: ("bytes", "s"), 13: ("pad", "s"), 14: ("c32", "ff"),
         15: ("c64", "dd")}


class Damaged(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Damaged(what)


def up(n, step):
    return (n + step - 1) // step * step


def crc32c(data):
    table = crc32c.table
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def crc_table():
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return table


crc32c.table = crc_table()


def fnv1a(data):
    hash = 0xCBF29CE484222325
    for byte in data:
        hash = (hash ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return hash


def leaf_slots(size):
    """How many slots a leaf of an arena has, for records of a size."""
    best = None
    for b in range(2048 if size == 1 else 4096, 73728 + 1, 4096):
        n = (b - 64) // size
        if not 1 <= n <= 2040:
            continue
        waste = 1000 * (b - n * size) // (n * size)
        if best is None or waste < best[0]:
            best = waste, n
        if waste <= (40 if b <= 8192 else 70):
            return n
    return best[1]


class Field:
    def __init__(self, name, kind, offset, count):
        self.name, self.kind, self.offset, self.count = name, kind, offset, count


class Layout:
    """A record layout: name, size, fields, hash; decode() gives a record's fields as a dict."""

    def __init__(self, data):
        need(data[0] == 1, "a layout of an unknown form")
        at = 2 + data[1]
        self.name = data[2:at].decode()
        self.size, count = struct.unpack_from("<HH", data, at)
        self.hash = fnv1a(data[:1] + data[at:at + 4])
        at += 4
        self.fields, offset = [], 0
        for _ in range(count):
            code, elements, name_size = struct.unpack_from("<BHB", data, at)
            name = data[at + 4:at + 4 + name_size]
            need(code in KINDS and len(name) == name_size, "a damaged layout")
            kind, form = KINDS[code]
            hashed = b"" if kind == "pad" else name
            self.hash = fnv1a(struct.pack("<QBHB", self.hash, code, elements, len(hashed)) + hashed)
            self.fields.append(Field(name.decode(), kind, offset, elements))
            offset += elements * struct.calcsize("<" + form)
            at += 4 + name_size
        self.hash = self.hash or 1
        need(at == len(data) and offset == self.size, "a layout that does not add up")

    def __str__(self):
        fields = "".join(
            f" {f.kind} {f.name}{'' if f.count == 1 else '[%d]' % f.count};" for f in self.fields)
        return f"{self.name} {{{fields} }}"

    def decode(self, record):
        """Scalars, lists of them, text as str, bytes as bytes, complex numbers as complex."""
        values = {}
        for field in self.fields:
            form = dict(KINDS.values())[field.kind]
            if field.kind == "pad":
                continue
            if form == "s":
                value = record[field.offset:field.offset + field.count]
                if field.kind == "text":
                    value = value.split(b"\0")[0].decode("utf-8", "replace")
            else:
                value = list(struct.unpack_from("<" + form * field.count, record, field.offset))
                if len(form) == 2:
                    value = [complex(*pair) for pair in zip(value[::2], value[1::2])]
                value = value[0] if field.count == 1 else value
            values[field.name] = value
        return values


class Map:
    def __init__(self, name, tree, count, changed, tag):
        self.name, self.tree, self.count, self.changed, self.tag = name, tree, count, changed, tag
        self.id = self.key_kind = self.key_encoding = self.value_size = self.created = 0
        self.layout = None

    def stride(self):
        wide = self.layout is not None or self.value_size > 512
        return up(self.value_size, 64 if wide else 8)


class Store:
    def __init__(self, data):
        """data: the bytes of a data file (or anything that slices like them)."""
        self.data = data
        self.check_header()
        self.find_root()
        self.catalog = self.map_of(b"", 0)

    @classmethod
    def open(cls, path):
        with open(path, "rb") as file:
            return cls(file.read())

    # --- the first blocks --------------------------------------------------------------

    def check_header(self):
        block = bytes(self.data[:BLOCK])
        need(len(block) == BLOCK and block[:8] == MAGIC, "not a store")
        (self.version, order, _, read_compat, incompatible, unit, segment) = struct.unpack_from(
            "<IIQQQII", block, 8)
        need(order == 0x01020304, "another byte order")
        need(self.version == 1 and incompatible == 0, "a newer format")
        need(struct.unpack_from("<I", block, 4092)[0] ==
             crc32c(block[:64] + bytes(8) + block[72:4092]), "header's checksum")
        need(unit == UNIT and segment == SEGMENT, "other units")
        self.identity = block[48:64]
        (self.nonce, self.max_bytes, self.durability, self.slow_reader,
         self.slow_reader_bytes, self.created_ns) = struct.unpack_from("<QQIIQQ", block, 64)
        need(self.max_bytes % SEGMENT == 0, "max_bytes")
        self.sealed = read_compat & 1
        self.sealed_units, = struct.unpack_from("<Q", block, 120)
        need(not self.sealed or self.nonce == 0 and self.durability == 2, "a sealed header")
        self.pages_read = {}

    def find_root(self):
        newest = None
        for at in (BLOCK, 2 * BLOCK):
            block = bytes(self.data[at:at + BLOCK])
            if (len(block) < BLOCK or block[:8] != MAGIC or
                    struct.unpack_from("<I", block, 4092)[0] != crc32c(block[:4092])):
                continue
            slot = struct.unpack_from("<9Q", block, 8)
            if newest is None or slot[0] > newest[0]:
                newest = slot
        need(newest is not None, "both root slots are damaged")
        (self.sequence, self.root_version, self.table, self.next_map, self.limit, self.time_ns,
         self.timeline, self.clean, _) = newest
        need(self.limit <= len(self.data), "the file is shorter than its root says")

    # --- pages -------------------------------------------------------------------------

    def page(self, ref, kind, level):
        """The page's bytes; its head is checked."""
        offset, size_class = (ref & (1 << 48) - 1) * UNIT, ref >> 48
        need(FIRST_PAGE <= offset < self.limit, f"reference {ref:x} lies outside")
        birth, checksum, found, height, units = struct.unpack_from("<QIBBH", self.data, offset)
        size = units * UNIT
        if size_class == RUN:
            need(offset % BLOCK == 0, f"run {ref:x} is not at a block")
            if found == EXTENT:
                size = struct.unpack_from("<Q", self.data, offset + 16)[0] * BLOCK
        else:
            need(size_class < len(CLASS_UNITS), f"reference {ref:x} has no class")
            need(units == CLASS_UNITS[size_class], f"page {ref:x} has another size")
            need(offset % SEGMENT % size == 0, f"page {ref:x} is not where its class may be")
            need((size_class >= 24) == (found in (INNER, SHORT, TABLE, ARENA)) or size > 16 * UNIT,
                 f"page {ref:x} has a class of another kind")
        need(size and offset + size <= self.limit, f"page {ref:x} lies outside")
        need(found in (kind if isinstance(kind, tuple) else (kind,)) and
             (level is None or height == level), f"page {ref:x} is of another kind")
        need(birth <= self.root_version, f"page {ref:x} is newer than the root")
        if self.durability > 1 and ref not in self.pages_read:
            expected = (crc32c(self.data[offset:offset + 8]) ^
                        crc32c(self.data[offset + 12:offset + size]))
            need(checksum == (expected or 1), f"page {ref:x} differs from its checksum")
        self.pages_read[ref] = size // UNIT
        return self.data[offset:offset + size]

    def map_entry(self, id):
        """(tree, count, changed, tag) or None."""
        levels = 1
        while 16 ** levels < self.next_map:
            levels += 1
        ref = self.table
        for level in range(levels - 1, -1, -1):
            if ref == 0:
                return None
            page = self.page(ref, TABLE, level)
            width, place = (8, 8) if level else (32, 32)
            at = 16 + (id >> 4 * level & 15) * place
            if at + width > len(page):
                return None
            if level:
                ref = struct.unpack_from("<Q", page, at)[0]
        entry = struct.unpack_from("<4Q", page, at)
        need(id or entry[3] in (0, 1), "the catalog's entry in the map table")
        return entry if entry[3] else None

    def map_of(self, name, id):
        entry = self.map_entry(id)
        return Map(name, *entry) if entry else None

    # --- trees -------------------------------------------------------------------------

    def key_of(self, node, entry, head, prefix, info_bytes):
        size = struct.unpack_from("<H", node, entry)[0]
        need(len(prefix) + size <= 1024, "a key is too long")
        start = struct.pack(">I", head)[:min(size, 4)]
        rest_at, rest_size = entry + 2 + info_bytes, max(0, size - 4)
        need(rest_at + rest_size <= len(node), "a key lies outside of its node")
        return prefix + start + bytes(node[rest_at:rest_at + rest_size]), rest_at + rest_size

    def value_of(self, map, node, entry, end, heap_end):
        info = struct.unpack_from("<H", node, entry + 2)[0]
        if map.value_size:
            at = len(node) - (info + 1) * map.stride()
            need(at >= heap_end, "a fixed-size value lies outside of its place")
            return bytes(node[at:at + map.value_size])
        at = up(end, 8)
        if info != IN_EXTENT:
            need(at + info <= heap_end, "a value lies outside of its node")
            return bytes(node[at:at + info])
        ref, size = struct.unpack_from("<QQ", node, at)
        extent = self.page(ref, EXTENT, None)
        need(struct.unpack_from("<Q", extent, 24)[0] == size and 64 + size <= len(extent),
             "an extent of another size")
        return bytes(extent[64:64 + size])

    def walk(self, map, ref, level, low, high):
        """Yields the records below a node whose keys must lie in [low, high)."""
        offset = (ref & (1 << 48) - 1) * UNIT
        need(FIRST_PAGE <= offset < self.limit, f"reference {ref:x} lies outside")
        if level is None:
            level = self.data[offset + 13]
            need(level < 24, "a tree is too high")
        node = self.page(ref, (INNER, SHORT) if level else LEAF, level)
        count, cap, heap, heap_end, prefix_size = struct.unpack_from("<5H", node, 20)
        need(count <= cap <= 256 and heap <= heap_end <= len(node), "a node's head")
        prefix = bytes(node[40:40 + prefix_size])
        heads_at = 40 + up(prefix_size, 8)
        slots_at = heads_at + 4 * cap
        heads = struct.unpack_from(f"<{count}I", node, heads_at)
        if node[12] == SHORT:
            need(slots_at + 5 * (cap + 1) + 3 <= heap, "a node's arrays")
            keys = [(prefix + struct.pack(">I", head).rstrip(b"\0"), 0) for head in heads]
            packed = [int.from_bytes(node[slots_at + 5 * i:slots_at + 5 * i + 5], "little")
                      for i in range(count + 1)]
            children = [ref & (1 << 34) - 1 | ref >> 34 << 48 for ref in packed]
        else:
            if level:
                children_at = up(slots_at, 8)
                slots_at = children_at + 8 * (cap + 1)
                children = struct.unpack_from(f"<{count + 1}Q", node, children_at)
            need(slots_at + 2 * cap <= heap, "a node's arrays")
            slots = struct.unpack_from(f"<{count}H", node, slots_at)
            keys = [self.key_of(node, slot, head, prefix, 0 if level else 2)
                    for slot, head in zip(slots, heads)]
        for (one, _), (next, _) in zip(keys, keys[1:]):
            need(one < next, "keys are out of order")
        if keys:
            need(low <= keys[0][0], "a key is below its separator")
            need(high is None or keys[-1][0] < high, "a key is not below its separator")
        if level == 0:
            need(count > 0, "an empty leaf")
            for slot, (key, end) in zip(slots, keys):
                yield key, self.value_of(map, node, slot, end, heap_end)
            return
        bounds = [low] + [key for key, _ in keys] + [high]
        for i, child in enumerate(children):
            yield from self.walk(map, child, level - 1, bounds[i], bounds[i + 1])

    # --- arenas ------------------------------------------------------------------------

    def leaf(self, arena, words, data, slots, first, end, extents):
        """Yields (index, generation, record or None) of a leaf; words: how many slots it has."""
        below = min(words, max(0, end - first))
        states = [1 if data else 0] * below + [0] * (words - below)
        if slots:
            page = self.page(slots, SLOTS, 0)
            live, free, hint, _ = struct.unpack_from("<4I", page, 16)
            states = struct.unpack_from(f"<{words}I", page, 32)
            open_slots = [i for i, state in enumerate(states[:below])
                          if state % 2 == 0 and state < 0xFFFFFFFE]
            need(live == sum(state & 1 for state in states) and free == len(open_slots) and
                 hint <= min(open_slots, default=words), "counts of slot words")
            need(not any(states[below:]), "a slot beyond the end")
            self.free_below = bool(open_slots)
        else:
            self.free_below = not data and below > 0
        need(any(state & 1 for state in states) == (data != 0), "a leaf without need of records")
        records = self.records_of(arena, words, data, extents) if data else None
        for i, state in enumerate(states):
            if state:
                start = i * arena.value_size
                yield (first + i, (state + 1) // 2,
                       bytes(records[start:start + arena.value_size]) if state & 1 else None)

    def records_of(self, arena, words, data, extents):
        """The records of a leaf's slots, live or not."""
        ref, place, shared = data & (1 << 54) - 1, data >> 54 & 63, data >> 60
        need(shared <= 1 and (shared or place == 0), "a leaf's reference")
        need(shared or ref not in extents, "an extent that is shared and does not say so")
        extents.add(ref)
        extent = self.page(ref, EXTENT, None)
        at = 64 + place * words * arena.value_size
        need(at + words * arena.value_size <= 64 + struct.unpack_from("<Q", extent, 24)[0] <=
             len(extent), "an extent too small for its leaves")
        return extent[at:at + words * arena.value_size]

    def node(self, arena, words, ref, level, first, end):
        """Yields the slots below a node that were ever used; its first leaf is given."""
        page = self.page(ref, ARENA, level)
        live, free = struct.unpack_from("<QQ", page, 16)
        width, span, extents = 16 if level == 1 else 8, 64 ** (level - 1), set()
        for i in range(64):
            leaf, at, any_live = first + i * span, 48 + i * width, False
            child = struct.unpack_from("<" + "Q" * (width // 8), page, at) \
                if at + width <= len(page) else (0,)
            self.free_below = leaf * words < end
            if any(child) and level == 1:
                found = self.leaf(arena, words, *child, leaf * words, end, extents)
            else:
                found = self.node(arena, words, child[0], level - 1, leaf, end) if child[0] else ()
            for slot in found:
                any_live = any_live or slot[2] is not None
                yield slot
            need(live >> i & 1 == any_live and free >> i & 1 == self.free_below, "bits of a node")
        self.free_below = free != 0

    # --- what users of this module call ------------------------------------------------

    def records(self, map):
        """Yields (key, value), both bytes, in key order."""
        n = 0
        if map.tree:
            for record in self.walk(map, map.tree, None, b"", None):
                n += 1
                yield record
        need(n == map.count, f"map {map.name} has {n} records and counts {map.count}")

    def slots(self, arena):
        """Yields (index, generation, record) of an arena's slots that were ever used, in order; the
        record of a free one is None."""
        n = 0
        if arena.tree:
            page = self.page(arena.tree, ARENA, None)
            level, end = page[13], struct.unpack_from("<Q", page, 32)[0]
            words = leaf_slots(arena.value_size)
            need(1 <= level <= 8 and end <= min(1 << 48, words * 64 ** level), "an arena's end")
            for slot in self.node(arena, words, arena.tree, level, 0, end):
                n += slot[2] is not None
                yield slot
        need(n == arena.count, f"arena {arena.name} has {n} records and counts {arena.count}")

    def maps(self):
        """Yields the maps in the order of their names."""
        if self.catalog is None:
            return
        for name, value in self.records(self.catalog):
            id, kind, encoding, value_size, layout_size, hash, created, tag = struct.unpack_from(
                "<I2H2I3Q", value)
            map = self.map_of(name.decode("utf-8", "surrogateescape"), id)
            need(map is not None and map.tag == tag, "the catalog names a map that is not there")
            need(len(value) == 40 + layout_size, "a catalog entry's size")
            need(kind in (0, 1, 2) and encoding in (0, 1), "a kind of keys")
            need(kind != 2 or 1 <= value_size <= 65536, "the size of an arena's records")
            map.id, map.key_kind, map.key_encoding = id, kind, encoding
            map.value_size, map.created = value_size, created
            if layout_size:
                map.layout = Layout(value[40:])
                need(map.layout.hash == hash, "a layout's hash")
                need(map.layout.size == value_size, "a layout's size")
            yield map


def main():
    store = Store.open(sys.argv[1])
    for map in store.maps():
        if len(sys.argv) == 2:
            keys = "slot" if map.key_kind == 2 else "u64" if map.key_kind else "tuple" if map.key_encoding else "bytes"
            print(map.name, keys, map.layout or map.value_size or "any", map.count, sep="\t")
        elif map.name == sys.argv[2] and map.key_kind == 2:
            for index, generation, record in store.slots(map):
                print(index, generation, record.hex() if record is not None else "-", sep="\t")
        elif map.name == sys.argv[2]:
            for key, value in store.records(map):
                print(key.hex(), value.hex(), sep="\t")


if __name__ == "__main__":
    main()
