"""Bad records between good ones, in every input topic: the good ones all take effect, each bad one
is in dead-letter once, exactly as it came, with the right word; kill -9 or not."""
# ctest: shared-kafka timeout=240

import json
import unittest
from collections import Counter

from freshet_test import (INPUTS, Shop, catalog_item, click, engagement, frame, now_ms, order,
                          register, review, schema_text, seed, user, wait_until)
from freshet_test.shop import FILE_OF_TOPIC, KEY_OF_TOPIC

DAY_MS = 86_400_000
NO_SUCH_ID = 999_999_999
LATE_TOPICS = ("clickstream", "orders", "engagement", "reviews")
TABLES = ("users", "catalog")  # compacted
PERSON = "neighbour"  # the good records' key; the bad ones lie in the same partitions

MAKERS = {
    "clickstream": lambda key, time: click(key, "teapot", time=time),
    "orders": lambda key, time: order(key, [("teapot", 1, "4.25")], time=time),
    "engagement": lambda key, time: engagement(key, "m1", "PUSH", "OPENED", time=time),
    "reviews": lambda key, time: review(key, "teapot", 4, "fine", time=time),
    "users": lambda key, time: user(key, time=time),
    "catalog": lambda key, time: catalog_item(key, time=time),
}


def varint(number):
    """Avro's zigzag varint of a long."""
    number = (number << 1) ^ (number >> 63)
    out = b""
    while number >= 0x80 or number < 0:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


class Poison:
    """Bad records of one topic: [(reason, key, value)]; a reason of None: it is a good one"""

    def __init__(self, shop, topic, hostile):
        self.shop, self.topic, self.hostile = shop, topic, hostile
        self.id = shop.ids[topic]

    def encode(self, record):
        return self.shop.codec.encode(self.id, record)

    def make(self, key=PERSON, time=None, **changes):
        return {**MAKERS[self.topic](key, now_ms() if time is None else time), **changes}

    def all(self):
        return [*self.of_the_frame(), *self.of_the_body(), *self.of_the_ids(), *self.of_the_time(),
                *self.of_the_values()]

    def of_the_frame(self):
        good = self.encode(self.make())
        yield "bad_wire_format", PERSON, b"\x01" + good[1:]
        yield "bad_wire_format", PERSON, good[:3]
        yield "bad_wire_format", PERSON, b""
        yield "bad_wire_format", PERSON, b"\xff" * 900_000
        yield "unknown_schema", PERSON, frame(NO_SUCH_ID, good[5:])
        yield "unknown_schema", PERSON, b"\x00" + b"\xff" * 4 + good[5:]  # a negative id
        if self.topic in TABLES:
            yield "bad_id", "", None
            yield "bad_id", "k" * 257, None
        else:
            yield "bad_wire_format", PERSON, None

    def of_the_body(self):
        good = self.encode(self.make())
        body = good[5:]
        yield "bad_avro", PERSON, good[:-3]
        yield "bad_avro", PERSON, good[:5]
        yield "bad_avro", PERSON, frame(self.id, varint(-5) + body)
        yield "bad_avro", PERSON, frame(self.id, b"\xff" * 11 + body)  # a number without an end
        yield "trailing_bytes", PERSON, good + b"\x00"
        yield "too_large", PERSON, frame(self.id, varint(1 << 40) + body)
        yield "bad_value", PERSON, frame(self.id, varint(2) + b"\xc3\x28" + body[1 + body[0] // 2:])
        if self.topic == "clickstream":  # its last field is an empty map: a billion entries
            yield "bad_avro", PERSON, frame(self.id, body[:-1] + varint(1 << 30))
        # Writers whose schemas are registered. A billion nulls in a field that we do not know are
        # lawful, and passed over at once; a billion longs that are not there are not.
        yield None, PERSON, frame(self.hostile["nulls"], body + varint(1 << 30) + varint(0))
        yield "bad_avro", PERSON, frame(self.hostile["longs"], body + varint(1 << 30) + varint(0))
        # Records in records, a thousand deep; and a schema that is not of this topic at all.
        yield "too_large", PERSON, frame(self.hostile["deep"], body + varint(1) * 1000 + varint(0))
        yield "bad_avro", PERSON, frame(self.hostile["foreign"], b"\x02a")

    def of_the_ids(self):
        field = KEY_OF_TOPIC.get(self.topic, "user_id")
        yield "key_mismatch", "somebody else", self.encode(self.make())
        if self.topic not in TABLES:  # the broker takes no record without a key there
            yield "key_mismatch", None, self.encode(self.make())
        yield "bad_id", "", self.encode(self.make(**{field: ""}))
        yield "bad_id", "u" * 257, self.encode(self.make(**{field: "u" * 257}))
        other = {"clickstream": "event_id", "orders": "order_id", "engagement": "event_id",
                 "reviews": "review_id"}.get(self.topic)
        if other:
            yield "bad_id", PERSON, self.encode(self.make(**{other: ""}))
            yield "bad_id", PERSON, self.encode(self.make(**{other: "x" * 257}))

    def of_the_time(self):
        yield "bad_time", PERSON, self.encode(self.make(time=946_684_799_999))
        yield "bad_time", PERSON, self.encode(self.make(time=now_ms() + 2 * DAY_MS))
        if self.topic in LATE_TOPICS:
            yield "too_late", PERSON, self.encode(self.make(time=now_ms() - 8 * DAY_MS))

    def of_the_values(self):
        if self.topic == "clickstream":
            yield "bad_value", PERSON, self.encode(click(PERSON, "teapot", price="-0.01"))
            yield "bad_value", PERSON, self.encode(self.make(quantity=0))
        elif self.topic == "orders":
            for quantity, price in ((1, "-0.01"), (0, "1")):
                yield "bad_value", PERSON, self.encode(order(PERSON, [("t", quantity, price)]))
        elif self.topic == "catalog":
            yield "bad_value", PERSON, self.encode(catalog_item(PERSON, price="-0.01"))


def register_hostile(shop, topic):
    """Ids of writers' schemas nobody should have: ours with one more field at the end."""
    node = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
    texts = {"foreign": '{"type": "string"}'}
    for name, kind in (("nulls", {"type": "array", "items": "null"}),
                       ("longs", {"type": "array", "items": "long"}), ("deep", ["null", node])):
        schema = json.loads(schema_text(FILE_OF_TOPIC[topic]))
        schema["fields"].append({"name": "junk", "type": kind})
        texts[name] = json.dumps(schema)
    return {name: register(shop.cluster.registry_url, f"{shop.app}.{topic}-{name}-value", text)
            for name, text in texts.items()}


class BadRecords(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.shop = Shop(partitions=2)
        cls.addClassCleanup(cls.shop.close)
        cls.shop.create_topics()
        cls.shop.register_schemas()
        cls.sent = {topic: cls.fill(topic) for topic in INPUTS}
        cls.expected = cls.locate()

    @classmethod
    def fill(cls, topic):
        """good, bad, good, bad, … good in the partition where the good ones belong; what was sent
        as [(reason or None, key, value)]"""
        poison = Poison(cls.shop, topic, register_hostile(cls.shop, topic))
        good = [poison.encode(poison.make()) for _ in range(100)]
        cls.shop.send_raw(topic, PERSON, good[0])
        [(_, partition, _)] = cls.shop.producer.placed[-1:]
        sent = [(None, PERSON, good[0])]
        for number, bad in enumerate(poison.all(), start=1):
            for reason, key, value in (bad, (None, PERSON, good[number])):
                cls.shop.producer.send(cls.shop.topic(topic), key, value, partition=partition,
                                       headers=[("trace", b"7")])
                sent.append((reason, key, value))
        cls.shop.producer.flush()
        return sent

    @classmethod
    def locate(cls):
        """{(topic, partition, offset): (reason, record as the topic has it)} of the bad ones"""
        expected = {}
        for topic, sent in cls.sent.items():
            records = cls.shop.read(topic, decode=False)
            assert len(records) == len(sent), f"{topic}: {len(records)} of {len(sent)}"
            for record, (reason, key, value) in zip(records, sent):
                assert record.value == value
                if reason:
                    expected[record.topic, record.partition, record.offset] = (reason, record)
        return expected

    def check_dead_letters(self, shop):
        letters = shop.read("dead-letter")
        places = Counter(self.place(letter) for letter in letters)
        self.assertEqual([place for place, n in places.items() if n > 1], [], "more than once")
        found = {self.place(letter): self.header(letter, "reason") for letter in letters}
        wanted = {place: reason for place, (reason, _) in self.expected.items()}
        wrong = {place: (wanted.get(place), found.get(place)) for place in wanted | found
                 if wanted.get(place) != found.get(place)}
        self.assertEqual(wrong, {}, "place: (reason wanted, reason found)")
        for letter in letters:
            record = self.expected[self.place(letter)][1]
            self.assertEqual((letter.key, letter.value), (record.key, record.value))
            self.assertEqual(int(self.header(letter, "timestamp")), record.timestamp)
            self.assertRegex(self.header(letter, "message"), r"\w+ \w+")
            self.assertNotIn("freshet.error.truncated", letter.headers)
            self.assertEqual(letter.headers.get("trace"), b"7", "its own headers stay with it")

    @staticmethod
    def header(letter, name):
        return letter.headers[f"freshet.error.{name}"].decode()

    def place(self, letter):
        return (self.header(letter, "topic"), int(self.header(letter, "partition")),
                int(self.header(letter, "offset")))

    def check_lists(self, shop):
        """One for each good click and none for a bad one."""
        good = sum(reason is None for reason, _, _ in self.sent["clickstream"])
        lists = shop.read("recommendations")
        self.assertEqual(len(lists), good)
        self.assertEqual(len({r.headers["freshet.source"] for r in lists}), good)

    def wait_done(self, shop):
        """Inputs are covered by offsets; of the catalogue's refusals only dead-letter tells."""
        shop.wait_caught_up(60)
        try:
            wait_until(lambda: len(shop.read("dead-letter")) >= len(self.expected), 20, every=0.5)
        except AssertionError:
            self.check_dead_letters(shop)
            raise

    def test_good_ones_take_effect_and_bad_ones_are_dead_letters(self):
        with self.shop.process({"workers": 1}) as freshet:
            self.wait_done(self.shop)
            for topic, sent in self.sent.items():
                kinds = Counter(reason or "live" for reason, _, _ in sent)
                counted = {kind: freshet.metric("freshet_events_total", fate=kind,
                                                topic=self.shop.topic(topic)) for kind in kinds}
                self.assertEqual(counted, dict(kinds), topic)
            self.assertEqual(freshet.terminate(), 0)
        self.check_dead_letters(self.shop)
        self.check_lists(self.shop)

    def test_kills_in_between_change_nothing(self):
        random = seed()
        shop = Shop(inputs_of=self.shop)
        self.addCleanup(shop.close)
        shop.create_topics()
        shop.register_schemas()
        settings = {"workers": 1, "commit": {"interval_ms": 1}}
        with shop.process(settings).lives() as freshet:
            for fault in ("kill_after_commit", "kill_before_commit", "kill_before_cache"):
                freshet.start(ready=False, fault=f"{fault}={random.randint(1, 2)}")
                try:
                    wait_until(lambda: not freshet.running, 10)
                except AssertionError:  # there was less to commit
                    freshet.kill()
            freshet.start()
            self.wait_done(shop)
            self.assertEqual(freshet.terminate(), 0)
        self.check_dead_letters(shop)
        self.check_lists(shop)


class Duplicates(unittest.TestCase):
    def test_a_second_event_with_the_same_id_has_no_effect(self):
        with Shop(partitions=1) as shop:
            shop.create_topics()
            shop.register_schemas()
            first, other = click("anna", "teapot"), click("anna", "cup")
            shop.send("clickstream", [first, other, {**first, "item_id": "kettle"}, first])
            shop.send("clickstream", [{**first, "user_id": "bert"}])  # another person's own
            with shop.process() as freshet:
                shop.wait_caught_up()
                self.assertEqual(freshet.metric("freshet_events_total", fate="duplicate"), 2)
                self.assertEqual(freshet.metric("freshet_events_total", fate="live"), 3)
                self.assertEqual(freshet.terminate(), 0)
                line = json.loads(freshet.command("inspect", "--user", "anna").stdout)
            triggers = Counter((r.user, r.data["trigger_event_id"])
                               for r in shop.read("recommendations"))
            self.assertEqual(triggers, {("anna", first["event_id"]): 1,
                                        ("anna", other["event_id"]): 1,
                                        ("bert", first["event_id"]): 1})
            self.assertEqual(line["events"], 2)
            self.assertEqual(shop.read("dead-letter"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
