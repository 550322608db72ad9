"""What the oracle knows of bytes: records of the inputs, journal records, item changes.

Written from the descriptions of the formats (INTERFACES' records, schemas/task_position.h, the
headers of models/), with clients of its own: it shares nothing with the program.
"""

import ctypes
import io
import json
from dataclasses import dataclass, field

import fastavro
import requests

TOPICS = ("users", "clickstream", "engagement", "orders", "reviews")  # in the order of the merge
YEAR_2000_MS = 946_684_800_000
DAY_MS = 86_400_000
MINUS_INFINITY = -(1 << 63)
ACTIONS = ("none", "view", "search", "add_to_cart", "remove_from_cart", "checkout_start",
           "wishlist", "impression", "click", "dislike", "order", "cancel", "order_step",
           "review", "engagement", "profile")
CLICK_ACTIONS = {"UNKNOWN": "none", **{name.upper(): name for name in ACTIONS[1:10]}}
ORDER_ACTIONS = {"UNKNOWN": "none", "PLACED": "order", "PAID": "order_step",
                 "SHIPPED": "order_step", "DELIVERED": "order_step", "CANCELLED": "cancel",
                 "RETURNED": "cancel"}
STRENGTH = {"view": 1, "add_to_cart": 3, "order": 6}

_xxhash = ctypes.CDLL("libxxhash.so.0")
_xxhash.XXH3_64bits.restype = ctypes.c_uint64
_xxhash.XXH3_64bits.argtypes = (ctypes.c_char_p, ctypes.c_size_t)


def name_hash(text):
    """How the program names items and events within a person's state."""
    raw = text.encode()
    return _xxhash.XXH3_64bits(raw, len(raw))


class Schemas:
    """Writers' schemas by id, without logical types: times stay milliseconds, money its bytes."""

    def __init__(self, registry_url):
        self.url, self.by_id = registry_url, {}

    def find(self, number):
        """None: the registry knows no such id."""
        if number not in self.by_id:
            answer = requests.get(f"{self.url}/schemas/ids/{number}", timeout=20)
            assert answer.status_code in (200, 404), answer.text
            self.by_id[number] = self._parse(answer.json()["schema"]) if answer.ok else None
        return self.by_id[number]

    def _parse(self, text):
        return fastavro.parse_schema(self._plain(json.loads(text)), named_schemas={})

    def _plain(self, node):
        if isinstance(node, dict):
            return {k: self._plain(v) for k, v in node.items() if k != "logicalType"}
        return [self._plain(v) for v in node] if isinstance(node, list) else node


@dataclass
class Event:
    """One record of an input, understood: what it did to whom, or why it is refused."""
    offset: int
    fate: str = "live"
    action: str = "none"
    user: str = None
    event_id: str = None
    time: int = MINUS_INFINITY
    lines: list = field(default_factory=list)  # (item, quantity, price in 1/10000 or None)
    currency: str = None
    record: dict = None

    @property
    def merge_time(self):
        return self.time if self.fate == "live" else MINUS_INFINITY


def _money(raw):
    return None if raw is None else int.from_bytes(raw, "big", signed=True)


def _id_ok(text):
    return text is not None and 1 <= len(text.encode()) <= 256


def understand(schemas, topic, message):
    """The Event of a record as it lies in the topic; lateness is not known here."""
    event, value = Event(message.offset), message.value
    key = (message.key or b"").decode(errors="replace")
    if value is None:
        if topic not in ("users", "catalog"):
            event.fate = "bad_wire_format"
        elif not _id_ok(key):
            event.fate = "bad_id"
        event.user = event.event_id = key
        event.time, event.action = message.timestamp, "profile"
        return event
    if len(value) < 5 or value[0] != 0:
        event.fate = "bad_wire_format"
        return event
    schema = schemas.find(int.from_bytes(value[1:5], "big"))
    if schema is None:
        event.fate = "unknown_schema"
        return event
    body = io.BytesIO(value[5:])
    try:
        event.record = fastavro.schemaless_reader(body, schema, None)
    except Exception:  # whatever fastavro says of bytes that are none
        event.fate = "bad_avro"
        return event
    if body.tell() != len(value) - 5:
        event.fate = "trailing_bytes"
        return event
    _read(topic, event)
    if event.fate == "live":
        _check(event, key, message.timestamp)
    return event


def _read(topic, event):
    record = event.record
    event.user = record.get("user_id", record.get("item_id"))
    event.event_id = record.get("event_id", record.get("review_id", event.user))
    event.time = record.get("event_time", record.get("updated_time"))
    event.currency = record.get("currency")
    if topic == "clickstream":
        event.action = CLICK_ACTIONS[record["type"]]
        price = _money(record["price"])
        if record["quantity"] < 1 or (price is not None and price < 0):
            event.fate = "bad_value"
        elif record["item_id"] is not None:
            event.lines = [(record["item_id"], record["quantity"], price)]
    elif topic == "orders":
        event.action = ORDER_ACTIONS[record["status"]]
        event.lines = [(line["item_id"], line["quantity"], _money(line["unit_price"]))
                       for line in record["lines"]]
        if any(quantity < 1 or price < 0 for _, quantity, price in event.lines):
            event.fate = "bad_value"
    elif topic == "reviews":
        event.action, event.lines = "review", [(record["item_id"], 1, None)]
    elif topic == "engagement":
        event.action = "engagement"
    else:
        event.action = "profile"
        if topic == "catalog" and _money(record["price"]) < 0:
            event.fate = "bad_value"


def _check(event, key, kafka_ms):
    if not _id_ok(event.user) or not _id_ok(event.event_id):
        event.fate = "bad_id"
    elif event.user != key:
        event.fate = "key_mismatch"
    elif not YEAR_2000_MS <= event.time <= kafka_ms + DAY_MS:
        event.fate = "bad_time"


class Bytes:
    """Numbers out of bytes, from the front."""

    def __init__(self, raw):
        self.raw, self.at = raw, 0

    def u8(self):
        self.at += 1
        return self.raw[self.at - 1]

    def u64(self):
        self.at += 8
        return int.from_bytes(self.raw[self.at - 8:self.at], "little")

    def varint(self):
        number = shift = 0
        while True:
            byte = self.u8()
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    def zigzag(self):
        number = self.varint()
        return (number >> 1) ^ -(number & 1)

    def text(self):
        """Its length + 1 goes in front; 0: none."""
        return self.take(max(self.varint() - 1, 0)).decode()

    def take(self, n):
        self.at += n
        return self.raw[self.at - n:self.at]

    @property
    def left(self):
        return len(self.raw) - self.at


@dataclass
class Position:
    """A journal record: where a task stood after a transaction."""
    number: int
    next: dict  # topic -> offset
    clock: int
    items: int
    wall: int
    transactional_id: str
    segments: list  # ({topic: next}, clock)


def read_position(raw):
    source = Bytes(raw)
    assert source.u8() == 1, "a journal record of another version"
    number = source.varint()
    assert source.u8() == len(TOPICS)
    next_of = {}
    for topic in TOPICS:
        next_of[topic] = source.zigzag()
        source.zigzag()  # the newest time of the topic
    clock, items = source.zigzag(), source.zigzag()
    for _ in range(source.varint()):
        source.zigzag(), source.zigzag()
    wall, _rules, transactional_id = source.zigzag(), source.text(), source.text()
    segments = [({topic: source.zigzag() for topic in TOPICS}, source.zigzag())
                for _ in range(source.varint())]
    assert source.left == 0, "bytes behind a journal record"
    return Position(number, next_of, clock, items, wall, transactional_id, segments)


def read_item_change(raw, counts, pairs, item):
    """Adds a record of the items topic: counts[item, action, hour], pairs[left, item, class,
    hour] in 1/256. Blocks of other models are passed over."""
    source = Bytes(raw)
    source.u8()  # version
    while source.left:
        kind, block = source.u8(), Bytes(source.take(source.varint()))
        if kind == 1:
            block.zigzag()  # the newest event
            for _ in range(block.varint()):
                hour = block.varint()
                for _ in range(block.varint()):
                    action = ACTIONS[block.u8()]
                    counts[item, action, hour] += block.varint()
        elif kind == 2:
            for _ in range(block.varint()):
                name, hour = block.u8(), block.varint()
                for _ in range(block.varint()):
                    left = block.u64()
                    pairs[left, item, name, hour] += block.varint()
