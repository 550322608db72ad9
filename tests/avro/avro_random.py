"""Random Avro: types, values of them, and readers that a writer's type has grown into.

Types are objects, so that a named type can be met in several places and inside itself; they
become JSON at the end, each defined where it is met first. The bytes of a value are made here
and not by a library: only so do they come in several blocks, with and without their sizes.
"""

import json
import struct

PRIMITIVES = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
NAMED = ("record", "enum", "fixed")
PROMOTIONS = {
    "int": ["long", "float", "double"],
    "long": ["float", "double"],
    "float": ["double"],
    "string": ["bytes"],
    "bytes": ["string"],
}
WORDS = ["", "a", "item", "Ünï", "сумка", "鞋子", "😀", "x" * 40, 'quo"te\\', "tab\there"]


class Type:
    def __init__(self, kind, **parts):
        self.kind = kind
        self.__dict__.update(parts)

    def full_name(self):
        return f"{self.space}.{self.name}" if self.space else self.name


class Field:
    def __init__(self, name, type_, default=None, aliases=()):
        self.name, self.type = name, type_
        self.default = default  # JSON text, so that null is not "none given"
        self.aliases = list(aliases)


def to_json(type_, seen=None, space="", default=lambda text, type_: json.loads(text)):
    """default: what becomes of the JSON text of a field's default."""
    seen = set() if seen is None else seen
    if type_.kind in NAMED:
        full = type_.full_name()
        if full in seen:
            return type_.name if type_.space == space else full
        seen.add(full)
        out = {"type": type_.kind, "name": type_.name}
        if type_.space != space:
            out["namespace"] = type_.space
        if type_.aliases:
            out["aliases"] = type_.aliases
        if type_.kind == "fixed":
            out["size"] = type_.size
        elif type_.kind == "enum":
            out["symbols"] = type_.symbols
            if type_.default is not None:
                out["default"] = type_.default
        else:
            out["fields"] = [field_json(f, seen, type_.space, default) for f in type_.fields]
        return out
    if type_.kind == "array":
        return {"type": "array", "items": to_json(type_.item, seen, space, default)}
    if type_.kind == "map":
        return {"type": "map", "values": to_json(type_.item, seen, space, default)}
    if type_.kind == "union":
        return [to_json(b, seen, space, default) for b in type_.branches]
    return type_.kind


def field_json(field, seen, space, default):
    out = {"name": field.name, "type": to_json(field.type, seen, space, default)}
    if field.default is not None:
        out["default"] = default(field.default, field.type)
    if field.aliases:
        out["aliases"] = field.aliases
    return out


class Random:
    """Makes types, values, readers and bytes out of one random.Random."""

    def __init__(self, rnd):
        self.rnd = rnd
        self.n_names = 0
        self.space = rnd.choice(["", "", "shop", "shop.events"])

    # ---- types ----

    def new_name(self, letter):
        self.n_names += 1
        return f"{letter}{self.n_names}"

    def type_(self, depth=0, open_records=()):
        r = self.rnd
        if depth < 4 and r.random() < (0.75 if depth == 0 else 0.4):
            kind = r.choice(["record", "record", "array", "map", "union", "union", "enum", "fixed"])
        else:
            kind = r.choice(PRIMITIVES)
        if kind == "record":
            return self.record(depth, open_records)
        if kind == "enum":
            symbols = r.sample("ABCDEFGH", r.randint(1, 6))
            default = r.choice(symbols) if r.random() < 0.4 else None
            return Type("enum", name=self.new_name("E"), space=self.space, aliases=[], symbols=symbols, default=default)
        if kind == "fixed":
            return Type("fixed", name=self.new_name("F"), space=self.space, aliases=[], size=r.choice([1, 2, 4, 16]))
        if kind in ("array", "map"):
            return Type(kind, item=self.inner(depth, open_records))
        if kind == "union":
            return self.union(depth, open_records)
        return Type(kind)

    def inner(self, depth, open_records):
        """A type behind an array, map or union: it may be a record that is being made."""
        if open_records and self.rnd.random() < 0.15:
            return self.rnd.choice(open_records)
        return self.type_(depth + 1, open_records)

    def record(self, depth, open_records):
        record = Type("record", name=self.new_name("R"), space=self.space, aliases=[], fields=[])
        for i in range(self.rnd.randint(0 if depth else 1, 5)):
            record.fields.append(Field(f"f{i}", self.type_(depth + 1, (*open_records, record))))
        return record

    def union(self, depth, open_records):
        if self.rnd.random() < 0.5:
            branches = [Type("null"), self.inner(depth, open_records)]
            self.rnd.shuffle(branches)
        else:
            branches = [self.inner(depth, open_records) for _ in range(self.rnd.randint(1, 5))]
        return make_union(branches)

    # ---- readers ----

    def reader(self, writer, memo=None):
        """What a writer's type may have become on the reader's side; mostly compatible."""
        r = self.rnd
        memo = {} if memo is None else memo
        chance = r.random()
        if writer.kind not in NAMED and chance < 0.01:
            return Type(r.choice(PRIMITIVES))
        if writer.kind == "union":
            branches = [self.reader(b, memo) for b in writer.branches]
            if chance < 0.15:
                return r.choice(branches)
            if chance < 0.3 and len(branches) > 1:
                branches.pop(r.randrange(len(branches)))
            if chance < 0.5:
                branches.append(Type(r.choice(PRIMITIVES)))
            if chance > 0.3:
                r.shuffle(branches)
            return make_union(branches)
        made = self.reader_plain(writer, memo)
        if chance < 0.2 and made.kind != "union":
            others = [Type(r.choice(PRIMITIVES)) for _ in range(r.randint(1, 3))]
            branches = [made, *others]
            r.shuffle(branches)
            return make_union(branches)
        return made

    def reader_plain(self, writer, memo):
        r = self.rnd
        if writer.kind in PROMOTIONS and r.random() < 0.3:
            return Type(r.choice(PROMOTIONS[writer.kind]))
        if writer.kind in ("array", "map"):
            return Type(writer.kind, item=self.reader(writer.item, memo))
        if writer.kind not in NAMED:
            return Type(writer.kind)
        if writer not in memo:
            name, aliases = writer.name, []
            if r.random() < 0.1:
                name, aliases = name + "x", [writer.full_name()]
            made = Type(writer.kind, name=name, space=writer.space, aliases=aliases)
            memo[writer] = made
            if writer.kind == "record":
                self.reader_fields(writer, made, memo)
            elif writer.kind == "enum":
                self.reader_symbols(writer, made)
            else:
                made.size = writer.size + (r.random() < 0.02)
        return memo[writer]

    def reader_symbols(self, writer, made):
        r = self.rnd
        made.symbols = [s for s in writer.symbols if r.random() < 0.85]
        made.symbols += [s for s in "XYZ" if r.random() < 0.2]
        made.symbols = made.symbols or ["X"]
        r.shuffle(made.symbols)
        made.default = r.choice(made.symbols) if r.random() < 0.6 else None

    def reader_fields(self, writer, made, memo):
        r = self.rnd
        made.fields = []
        for field in writer.fields:
            if r.random() < 0.15:
                continue  # the reader has lost interest
            name, aliases = field.name, []
            if r.random() < 0.15:
                name, aliases = field.name + "_new", ["old", field.name]
            made.fields.append(Field(name, self.reader(field.type, memo), aliases=aliases))
        for i in range(r.choice([0, 0, 1, 1, 2])):
            type_ = self.type_(3)
            default = self.default(type_)
            if default is None and r.random() < 0.95:
                continue
            made.fields.append(Field(f"added{i}", type_, default=default))
        r.shuffle(made.fields)

    # ---- values ----

    def default(self, type_):
        """JSON text of a default, or None: none can be given (or none that is plain)."""
        value = self.default_value(type_)
        return None if value is None else json.dumps(value[0])

    def default_value(self, type_):
        r = self.rnd
        kind = type_.kind
        if kind == "null":
            return (None,)
        if kind == "boolean":
            return (r.random() < 0.5,)
        if kind in ("int", "long"):
            return (self.integer(kind),)
        if kind in ("float", "double"):
            return (r.choice([0.0, 1.5, -2.25, 3, 1e10]),)
        if kind == "string":
            return (r.choice(WORDS),)
        if kind in ("bytes", "fixed"):
            n = r.randint(0, 6) if kind == "bytes" else type_.size
            return (bytes(r.randrange(256) for _ in range(n)).decode("latin-1"),)
        if kind == "enum":
            return (r.choice(type_.symbols),)
        if kind == "union":
            return self.default_value(type_.branches[0])
        if kind in ("array", "map"):
            values = [self.default_value(type_.item) for _ in range(r.choice([0, 0, 1, 2]))]
            if None in values:
                return None
            if kind == "array":
                return ([v[0] for v in values],)
            return ({f"k{i}": v[0] for i, v in enumerate(values)},)
        out = {}
        for field in type_.fields:
            if field.default is not None and r.random() < 0.5:
                continue  # filled in by the field's own default
            value = self.default_value(field.type)
            if value is None:
                return None
            out[field.name] = value[0]
        return (out,)

    def integer(self, kind):
        bits = 31 if kind == "int" else 63
        n = self.rnd.getrandbits(self.rnd.randint(0, bits))
        return -n - 1 if self.rnd.random() < 0.5 else n

    def real(self, kind):
        value = self.rnd.choice([0.0, -0.0, 1.5, float("inf"), self.rnd.uniform(-1e6, 1e6)])
        return struct.unpack("<f", struct.pack("<f", value))[0] if kind == "float" else value

    def text(self):
        return "".join(self.rnd.choice(WORDS) for _ in range(self.rnd.randint(0, 3)))

    def encode(self, type_, depth=0):
        """The bytes of a random value."""
        r = self.rnd
        kind = type_.kind
        if kind == "null":
            return b""
        if kind == "boolean":
            return bytes([r.randrange(2)])
        if kind in ("int", "long"):
            return varint(self.integer(kind))
        if kind == "float":
            return struct.pack("<f", self.real(kind))
        if kind == "double":
            return struct.pack("<d", self.real(kind))
        if kind == "string":
            return sized(self.text().encode())
        if kind == "bytes":
            if r.random() < 0.5:
                return sized(self.text().encode())  # so that it can be read as a string
            return sized(bytes(r.randrange(256) for _ in range(r.randint(0, 8))))
        if kind == "fixed":
            return bytes(r.randrange(256) for _ in range(type_.size))
        if kind == "enum":
            return varint(r.randrange(len(type_.symbols)))
        if kind == "record":
            return b"".join(self.encode(f.type, depth + 1) for f in type_.fields)
        if kind == "union":
            heights = [height(b) for b in type_.branches]
            i = r.choice([j for j, h in enumerate(heights) if h < float("inf")])
            if depth > 6:  # to come to an end
                i = heights.index(min(heights))
            return varint(i) + self.encode(type_.branches[i], depth + 1)
        return self.encode_items(type_, depth)

    def encode_items(self, type_, depth):
        """Blocks of one to three items, some with their size in bytes, then the end."""
        out = b""
        none = depth > 6 or height(type_.item) == float("inf")
        n = 0 if none else self.rnd.choice([0, 1, 1, 2, 5])
        while n > 0:
            block = self.rnd.randint(1, min(n, 3))
            body = b""
            for i in range(block):
                if type_.kind == "map":
                    body += sized(f"k{n}.{i}".encode())
                body += self.encode(type_.item, depth + 1)
            if self.rnd.random() < 0.3:
                out += varint(-block) + varint(len(body)) + body
            else:
                out += varint(block) + body
            n -= block
        return out + b"\0"


def make_union(branches):
    """A union may hold each unnamed kind and each name once, and no union."""
    kept, seen = [], set()
    for branch in branches:
        for b in branch.branches if branch.kind == "union" else [branch]:
            key = b.name if b.kind in NAMED else b.kind
            if key not in seen:
                seen.add(key)
                kept.append(b)
    return Type("union", branches=kept)


def varint(n):
    n = (n << 1) ^ (n >> 63) if n < 0 else n << 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def sized(data):
    return varint(len(data)) + data


def height(type_, open_records=()):
    """Levels of the flattest value; infinite for a record that cannot but hold itself."""
    if type_ in open_records:
        return float("inf")
    if type_.kind == "record":
        return 1 + max((height(f.type, (*open_records, type_)) for f in type_.fields), default=0)
    if type_.kind == "union":
        return 1 + min(height(b, open_records) for b in type_.branches)
    return 1  # arrays and maps may be empty


def holds_itself(type_, around=(), seen=None):
    """Is there a record inside that holds itself with nothing in between? No schema, we say."""
    seen = set() if seen is None else seen
    if type_ in around:
        return True
    if type_.kind in ("array", "map"):
        return holds_itself(type_.item, (), seen)
    if type_.kind == "union":
        return any(holds_itself(b, (), seen) for b in type_.branches)
    if type_.kind != "record" or (type_, around) in seen:
        return False
    seen.add((type_, around))
    return any(holds_itself(f.type, (*around, type_), seen) for f in type_.fields)


def resolves(w, r, quantifier=any, assumed=frozenset()):
    """Does the specification let w be read as r? The same question as a plan's.

    Of a writer's union any branch will do; with quantifier=all each of them must.
    """
    if w.kind == "union":
        return quantifier(resolves(b, r, quantifier, assumed) for b in w.branches)
    if r.kind == "union":
        return any(resolves(w, b, quantifier, assumed) for b in r.branches)
    if w.kind != r.kind:
        return r.kind in PROMOTIONS.get(w.kind, [])
    if w.kind in NAMED:
        if r.name != w.name and w.full_name() not in r.aliases:
            return False
        if w.kind == "fixed":
            return w.size == r.size
        if w.kind == "enum" or (w, r) in assumed:
            return True
        assumed = assumed | {(w, r)}
        for field in r.fields:
            source = next((f for f in w.fields if f.name == field.name or f.name in field.aliases), None)
            if source is None and field.default is None:
                return False
            if source is not None and not resolves(source.type, field.type, quantifier, assumed):
                return False
        return True
    if w.kind in ("array", "map"):
        return resolves(w.item, r.item, quantifier, assumed)
    return True
