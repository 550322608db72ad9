"""Our codec against fastavro and the official avro package.

    avro_oracle.py FILTER SCHEMAS [PAIRS] [SEED]

FILTER is the program avro_resolve, SCHEMAS the folder of .avsc files. Four questions, each to
many random cases; the seed is printed and makes a run again.

  pairs     a random writer and a reader grown from it: do we resolve as fastavro does? What our
            encoder makes of the value, does fastavro read the same from it?
  types     random values of our record types, through our structs and back
  decimals, times   units and scales of the writer brought to the reader's, against plain
            arithmetic: no library does this

Where they differ from the specification, or leave the value as it is, the specification holds:
  - fastavro hands out a default as it stands in the JSON: text for bytes, no defaults inside a
    default. It is given defaults that know the value they stand for (`marked`, `unmark`).
  - fastavro reads an int as float without rounding it to single precision.
  - fastavro finds out that a nested type does not fit when a value of it arrives; we say so for
    the schemas. A refused plan is checked with avro_random.resolves instead.
  - fastavro compares records in a union by name only and then fails inside, or not at all if the
    array is empty; for us such a branch does not fit, and its values are refused.
  - the avro package knows no promotion between string and bytes (so that in a union it goes by
    and takes another branch: there text and bytes count as equal), no aliases and no default of an
    enum, compares items without promotion, does not turn an int into a float, and takes the UTF-8
    of a default for its bytes (such readers are not put to it). Where it gives a value, the value
    must be ours; where it raises, nothing follows.
"""

import decimal
import io
import json
import random
import struct
import subprocess
import sys
import warnings

import avro.io
import avro.schema
import fastavro
import fastavro.schema

from avro_random import Random, Type, height, holds_itself, resolves, sized, to_json, varint

BATCH = 1000  # cases per run of the filter
RECORDS = 3  # values per pair


class Wrong(Exception):
    pass


# ---- the filter ----


def run_filter(program, lines):
    done = subprocess.run([program], input="\n".join(lines) + "\n", capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        raise Wrong(f"the filter ended with {done.returncode}: {done.stderr[-4000:]}")
    answers = done.stdout.split("\n")[:-1]
    if len(answers) != len(lines):
        raise Wrong(f"{len(lines)} questions, {len(answers)} answers")
    return answers


def parse_answer(text):
    """("error", word) or ("value", value, bytes)"""
    word, rest = text.split(" ", 1)
    if word == "error":
        return word, rest
    value, encoded = rest.rsplit(" ", 1)
    return word, from_ours(json.loads(value)) if value else None, bytes.fromhex(encoded)


def from_ours(value):
    if isinstance(value, list):
        return [from_ours(v) for v in value]
    if not isinstance(value, dict):
        return value
    ((tag, inner),) = value.items()
    if tag == "b":
        return bytes.fromhex(inner)
    if tag == "f":
        return struct.unpack(">d", bytes.fromhex(inner))[0]
    if tag == "d":
        return inner
    return {name: from_ours(v) for name, v in inner}


# ---- values of the libraries ----


def default_value(type_, value):
    """The value that a default in JSON stands for; a union's is its first branch's."""
    kind = type_.kind
    if kind == "union":
        return default_value(type_.branches[0], value)
    if kind in ("float", "double"):
        return float(value)
    if kind in ("bytes", "fixed"):
        return value.encode("latin-1")
    if kind == "array":
        return [default_value(type_.item, v) for v in value]
    if kind == "map":
        return {k: default_value(type_.item, v) for k, v in value.items()}
    if kind == "record":
        return {f.name: default_value(f.type, value[f.name] if f.name in value else json.loads(f.default)) for f in type_.fields}
    return value


class Text(str):
    pass


class List(list):
    pass


class Dict(dict):
    pass


def marked(text, type_):
    """The default for fastavro: JSON, and beside it the value."""
    value = json.loads(text)
    for plain, kind in ((str, Text), (list, List), (dict, Dict)):
        if isinstance(value, plain):
            out = kind(value)
            out.value = default_value(type_, value)
            return out
    return value


def unmark(value):
    if isinstance(value, (Text, List, Dict)):
        return value.value
    if isinstance(value, list):
        return [unmark(v) for v in value]
    if isinstance(value, dict):
        return {k: unmark(v) for k, v in value.items()}
    return value


def same(a, b, loose=False):
    """Is ours theirs? loose: a text for bytes will do."""
    if loose and isinstance(a, str) and isinstance(b, bytes):
        return a.encode() == b
    if loose and isinstance(a, bytes) and isinstance(b, str):
        return a == b.encode()
    if isinstance(a, float) and type(b) in (int, float):
        if a == b or (a != a and b != b):
            return True
        return abs(a - b) <= abs(b) * 2.0**-23  # single precision: see above
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, loose) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k], loose) for k in a)
    return a == b


# ---- pairs ----


class Case:
    def __init__(self, rnd):
        source = Random(rnd)
        self.writer = source.type_()
        while height(self.writer) > 100 or holds_itself(self.writer):
            self.writer = source.type_()
        self.reader = source.reader(self.writer) if rnd.random() < 0.97 else Random(rnd).type_()
        while holds_itself(self.reader):
            self.reader = source.reader(self.writer)
        self.records = [source.encode(self.writer) for _ in range(RECORDS)]
        self.writer_text = json.dumps(to_json(self.writer))
        self.reader_text = json.dumps(to_json(self.reader))

    def line(self):
        return "\t".join(["pair", self.reader_text, self.writer_text, ",".join(r.hex() for r in self.records)])

    def __str__(self):
        return f"\nwriter {self.writer_text}\nreader {self.reader_text}\nrecords {[r.hex() for r in self.records]}"


class Tally:
    """How often what was compared; a test that compared nothing is not passed."""

    def __init__(self):
        self.count = {}

    def add(self, what):
        self.count[what] = self.count.get(what, 0) + 1

    def __getitem__(self, what):
        return self.count.get(what, 0)


def read_fastavro(case, record):
    """(value, None) or (None, exception)"""
    try:
        stream = io.BytesIO(record)
        value = fastavro.schemaless_reader(stream, case.fast_writer, case.fast_reader)
        return unmark(value), None
    except (fastavro.read.SchemaResolutionError, UnicodeDecodeError, KeyError) as e:
        return None, e


def read_avro(case, record):
    try:
        decoder = avro.io.BinaryDecoder(io.BytesIO(record))
        value = avro.io.DatumReader(case.avro_writer, case.avro_reader).read(decoder)
        return value, None
    except Exception as e:  # noqa: BLE001: whatever it cannot do
        return None, e


def check_value(case, record, answer, tally, with_avro):
    expected, refused = read_fastavro(case, record)
    kind, *ours = parse_answer(answer)
    if kind == "error":
        if ours[0] != "value":
            raise Wrong(f"a valid record is called {ours[0]}")
        if refused is None and not resolves(case.writer, case.reader, all):
            tally.add("values of a branch that does not fit, empty enough for fastavro")
            return
        if refused is None:
            raise Wrong(f"we refuse {record.hex()}, fastavro reads {expected!r}")
        tally.add("values refused by both")
        return
    if refused is not None:
        raise Wrong(f"we read {ours[0]!r} from {record.hex()}, fastavro refuses: {refused!r}")
    if not same(ours[0], expected):
        raise Wrong(f"from {record.hex()}:\nours   {ours[0]!r}\ntheirs {expected!r}")
    tally.add("values equal to fastavro's")
    again = fastavro.schemaless_reader(io.BytesIO(ours[1]), case.fast_reader, None)
    if not same(ours[0], again):
        raise Wrong(f"we encode {ours[0]!r} as {ours[1].hex()}, fastavro reads {again!r}")
    tally.add("encodings read back equal by fastavro")
    if with_avro:
        value, raised = read_avro(case, record)
        if raised is None:
            if not same(ours[0], value, loose=True):
                raise Wrong(f"from {record.hex()}:\nours {ours[0]!r}\navro {value!r}")
            tally.add("values equal to the avro package's")
        else:
            tally.add("values that the avro package cannot read")


def check_case(case, answer, tally, with_avro):
    ok = resolves(case.writer, case.reader)
    if answer.startswith("plan "):
        if ok:
            raise Wrong(f"refused: {answer}")
        tally.add("pairs that do not fit")
        return
    if not answer.startswith(("value ", "error ")):
        raise Wrong(answer)
    if not ok:
        raise Wrong("a plan for types that do not fit")
    tally.add("pairs that fit")
    case.fast_writer = fastavro.schema.parse_schema(json.loads(case.writer_text))
    case.fast_reader = fastavro.schema.parse_schema(to_json(case.reader, default=marked))
    if with_avro:
        case.avro_writer = avro.schema.parse(case.writer_text)
        case.avro_reader = avro.schema.parse(case.reader_text)
    for record, one in zip(case.records, answer.split("\t")):
        check_value(case, record, one, tally, with_avro)


def test_pairs(program, rnd, n_pairs, tally):
    for begin in range(0, n_pairs, BATCH):
        cases = [Case(rnd) for _ in range(min(BATCH, n_pairs - begin))]
        for i, (case, answer) in enumerate(zip(cases, run_filter(program, [c.line() for c in cases]))):
            try:
                check_case(case, answer, tally, with_avro='\\u00' not in case.reader_text)
            except Exception as e:
                raise Wrong(f"pair {begin + i}: {e!r}{case}") from e


# ---- our record types ----

TYPES = ["click_event", "order_event", "catalog_item", "user", "engagement_event", "review_event",
         "recommendation", "push_message", "email_message", "suppressed_message"]  # fmt: skip


def type_of(schema, named):
    """The Type of parsed JSON; enough for the schemas of this house."""
    if isinstance(schema, list):
        return Type("union", branches=[type_of(b, named) for b in schema])
    if isinstance(schema, str):
        return named.get(schema.split(".")[-1]) or Type(schema)
    kind = schema["type"]
    if kind in ("array", "map"):
        return Type(kind, item=type_of(schema["items" if kind == "array" else "values"], named))
    if kind == "enum":
        named[schema["name"]] = Type("enum", name=schema["name"], symbols=schema["symbols"])
        return named[schema["name"]]
    if kind == "record":
        fields = [type("F", (), {"name": f["name"], "type": type_of(f["type"], named)}) for f in schema["fields"]]
        return Type("record", name=schema["name"], fields=fields)
    if schema.get("logicalType") == "decimal":
        return Type("decimal")
    return Type(kind)


class Values(Random):
    """Values for our own types: decimals are small enough for 18 digits."""

    def encode(self, type_, depth=0):
        if type_.kind != "decimal":
            return super().encode(type_, depth)
        n = self.rnd.randrange(10 ** self.rnd.randint(0, 18)) * self.rnd.choice([1, -1])
        return sized(n.to_bytes(max(1, (n if n >= 0 else ~n).bit_length() // 8 + 1), "big", signed=True))


def raw(schema):
    """The schema without logical types, so that the bytes of a decimal are compared."""
    if isinstance(schema, list):
        return [raw(s) for s in schema]
    if isinstance(schema, dict):
        return {k: raw(v) for k, v in schema.items() if k != "logicalType"}
    return schema


def test_types(program, folder, rnd, n_records, tally):
    for name in TYPES:
        text = open(f"{folder}/{name}.avsc", encoding="utf-8").read()
        schema = json.loads(text)
        fast = fastavro.schema.parse_schema(raw(schema))
        type_ = type_of(schema, {})
        records = [Values(rnd).encode(type_) for _ in range(n_records)]
        (line,) = run_filter(program, ["\t".join(["type", name, json.dumps(schema), ",".join(r.hex() for r in records)])])
        for record, answer in zip(records, line.split("\t")):
            kind, *ours = parse_answer(answer)
            if kind != "value":
                raise Wrong(f"{name}: {answer} for {record.hex()}")
            a = fastavro.schemaless_reader(io.BytesIO(record), fast, None)
            b = fastavro.schemaless_reader(io.BytesIO(ours[1]), fast, None)
            if not same(a, b):
                raise Wrong(f"{name}: through our struct {a!r} became {b!r}")
            tally.add("records through our structs")


# ---- decimals and times ----


def decimal_type(precision, scale):
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def expected_decimal(n, theirs, ours, precision):
    """n of scale `theirs` in units of scale `ours`; None: not exact, or too many digits."""
    value = decimal.Decimal(n).scaleb(ours - theirs, decimal.Context(prec=200))
    whole = value.to_integral_value(context=decimal.Context(prec=200))
    if value != whole or abs(int(whole)) >= 10**precision:
        return None
    return int(whole)


def check_single(program, cases, tally, what):
    """cases: (reader, writer, bytes, the value or None), each in a record and in an optional."""
    lines = []
    for reader, writer, data, _ in cases:
        field = {"name": "f"}
        lines.append("\t".join(["pair", json.dumps(reader), json.dumps(writer), data.hex()]))
        lines.append("\t".join([
            "pair",
            json.dumps({"type": "record", "name": "R", "fields": [{**field, "type": ["null", reader]}]}),
            json.dumps({"type": "record", "name": "R", "fields": [{**field, "type": [writer, "null"]}]}),
            (b"\0" + data).hex(),
        ]))  # fmt: skip
    answers = run_filter(program, lines)
    for i, (reader, writer, data, expected) in enumerate(cases):
        for answer, wrap in ((answers[2 * i], False), (answers[2 * i + 1], True)):
            kind, *ours = parse_answer(answer)
            got = None if kind == "error" else ours[0]["f"] if wrap else ours[0]
            if kind == "error" and ours[0] != "value" or got != expected:
                raise Wrong(f"{writer} -> {reader}, {data.hex()}: {answer}, expected {expected}")
            tally.add(f"{what} {'refused' if expected is None else 'converted'}")


def test_decimals(program, rnd, n_cases, tally):
    cases = []
    for _ in range(n_cases):
        theirs, ours = rnd.randint(0, 30), rnd.randint(0, 9)
        precision = rnd.randint(max(ours, 1), 18)
        n = rnd.randrange(10 ** rnd.randint(0, 22)) * 10 ** rnd.choice([0, 0, max(0, theirs - ours)])
        n = -n if rnd.random() < 0.5 else n
        size = (n if n >= 0 else ~n).bit_length() // 8 + 1 + rnd.choice([0, 0, 1, 9])
        expected = expected_decimal(n, theirs, ours, precision)
        if (n if n >= 0 else ~n).bit_length() > 127:
            expected = None  # more than we compute with
        cases.append((decimal_type(precision, ours), decimal_type(40, theirs), sized(n.to_bytes(size, "big", signed=True)), expected))
    check_single(program, cases, tally, "decimals")


def test_times(program, rnd, n_cases, tally):
    per_second = {"timestamp-millis": 10**3, "timestamp-micros": 10**6, "timestamp-nanos": 10**9}
    cases = []
    for _ in range(n_cases):
        theirs, ours = rnd.choice([*per_second]), rnd.choice([*per_second])
        n = rnd.getrandbits(rnd.randint(0, 63)) * rnd.choice([1, -1])
        expected = n * per_second[ours] // per_second[theirs]
        if not -(2**63) <= expected < 2**63:
            expected = None
        cases.append(({"type": "long", "logicalType": ours}, {"type": "long", "logicalType": theirs}, varint(n), expected))
    check_single(program, cases, tally, "times")


# ---- all ----


def main(argv):
    program, folder = argv[1], argv[2]
    n_pairs = int(argv[3]) if len(argv) > 3 else 20000
    seed = int(argv[4]) if len(argv) > 4 else random.SystemRandom().randrange(2**32)
    rnd = random.Random(seed)
    tally = Tally()
    print(f"seed {seed}, fastavro {fastavro.__version__}, {n_pairs} pairs of {RECORDS} records")
    warnings.simplefilter("ignore")
    try:
        test_pairs(program, rnd, n_pairs, tally)
        test_types(program, folder, rnd, 500, tally)
        test_decimals(program, rnd, 2000, tally)
        test_times(program, rnd, 1000, tally)
    except Wrong as e:
        print(f"FAILED (seed {seed}): {e}")
        return 1
    for what, n in tally.count.items():
        print(f"{n:8} {what}")
    few = tally["values of a branch that does not fit, empty enough for fastavro"] <= n_pairs // 100
    enough = few and tally["values equal to fastavro's"] >= n_pairs and tally["values equal to the avro package's"] >= n_pairs // 5
    if not enough:
        print(f"FAILED (seed {seed}): too little was compared")
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
