"""The load: real events of deploy/demo under several names each, with some bad records among them.

Everything follows from the random generator handed in, but the pace.
"""

import copy
import threading
import time

from freshet_test import Feed, Producer, catalog_item, engagement, frame, register, review, \
    schema_text

NO_SUCH_SCHEMA = 0x7FFFFF00
BAD_SHARE, TWICE_SHARE, NEW_SHARE, OTHER_SHARE = 1 / 400, 1 / 200, 1 / 100, 1 / 150
TABLE_SHARE = 1 / 500


class Load:
    """
    load = Load(shop, random, n_twins=4)
    load.send_tables(); load.start(rate=1000, least=100_000)
    load.finish()           stops when at least `least` events are sent; joins
    """

    def __init__(self, shop, random, n_twins, n_feed=60_000, begin_max=150_000):
        self.shop, self.random, self.n_twins = shop, random, n_twins
        begin = random.randrange(begin_max)
        self.feed = Feed(begin + n_feed)
        self.events = self.feed.events[begin:]
        self.n_sent = self.n_bad_catalog = self._at = 0
        self._stop = threading.Event()
        self._failure = None
        # Retried sends while the broker is away must not reorder or double the input.
        shop.use_producer(Producer(shop.cluster, **{"enable.idempotence": True,
                                                    "message.timeout.ms": 300_000}))
        text = schema_text("click_event").replace(
            '"fields": [', '"fields": [{"name": "mood", "type": "string", "default": ""},', 1)
        self.new_id = register(shop.cluster.registry_url, f"{shop.topic('clickstream')}-value",
                               text)
        shop.codec.add(self.new_id, text)

    def _twin(self, name, twin):
        return f"{name}-{twin}"

    def send_tables(self):
        self.shop.send("catalog", self.feed.catalog, flush=False)
        for twin in range(self.n_twins):
            self.shop.send("users", [{**user, "user_id": self._twin(user["user_id"], twin)}
                                     for user in self.feed.users], flush=False)
        self.shop.producer.flush()

    def send_next(self, n):
        """The next n events of the feed, at once."""
        for event in self.events[self._at:self._at + n]:
            for twin in range(self.n_twins):
                self._send(event, twin)
        self._at += n
        self.shop.producer.flush()

    def start(self, rate, least):
        self._thread = threading.Thread(target=self._run, args=(rate, least), daemon=True)
        self._thread.start()

    def _run(self, rate, least):
        try:
            begun = time.monotonic()
            for event in self.events[self._at:]:
                if self._stop.is_set() and self.n_sent >= least:
                    return
                for twin in range(self.n_twins):
                    self._send(event, twin)
                ahead = self.n_sent / rate - (time.monotonic() - begun)
                if ahead > 0.01 and not self._stop.is_set():
                    time.sleep(ahead)
        except BaseException as error:  # told by finish()
            self._failure = error

    def _send(self, event, twin):
        topic = event["topic"]
        record = {**event["record"], "user_id": self._twin(event["record"]["user_id"], twin)}
        record["event_id"] = f"{record['event_id']}-{twin}"
        dice = self.random.random
        if topic == "clickstream" and dice() < NEW_SHARE:
            self._raw(topic, record["user_id"],
                      self.shop.codec.encode(self.new_id, {**record, "mood": "good"}))
        else:
            self._put(topic, record)
        self.n_sent += 1
        if dice() < TWICE_SHARE:
            self._put(topic, record)
        if dice() < BAD_SHARE:
            self._send_bad(topic, record)
        if dice() < OTHER_SHARE:
            self._send_other(record)
        if dice() < TABLE_SHARE:
            self._send_table(record)

    def _put(self, topic, record):
        self.shop.send(topic, [record], flush=False)

    def _raw(self, topic, key, value):
        self.shop.producer.send(self.shop.topic(topic), key, value)

    def _send_bad(self, topic, record):
        key, good = record["user_id"], self.shop.codec.encode(self.shop.ids[topic], record)
        late = copy.copy(record)
        late.update(event_time=record["event_time"] - 30 * 86_400_000,
                    event_id=record["event_id"] + "-late")
        early = {**record, "event_time": 946_684_799_999}
        self._raw(topic, *self.random.choice([
            (key, b"junk"), (key, b"\x01" + good[1:]), (key, frame(NO_SUCH_SCHEMA, good[5:])),
            (key, good[:-3]), (key, good + b"\0"), (key + "?", good),
            (key, self.shop.codec.encode(self.shop.ids[topic], late)),
            (key, self.shop.codec.encode(self.shop.ids[topic], early))]))
        if self.random.random() < 0.05:
            self.n_bad_catalog += 1
            self._put("catalog", catalog_item("22138", price="-1"))

    def _send_other(self, record):
        """The topics that the real data lack."""
        person, moment = record["user_id"], record["event_time"]
        name = f"x{self.n_sent}"
        if self.random.random() < 0.5:
            self._put("reviews", {**review(person, "22138", 4, "fine", time=moment),
                                  "review_id": name})
        else:
            self._put("engagement", {**engagement(person, "m", "PUSH", "OPENED", time=moment),
                                     "event_id": name})

    def _send_table(self, record):
        """A person says something new of herself, or is to be forgotten; a price changes."""
        dice = self.random.random()
        if dice < 0.1:
            self._raw("users", record["user_id"], None)
        elif dice < 0.5:
            user = self.random.choice(self.feed.users)
            self._put("users", {**user, "user_id": record["user_id"],
                                "updated_time": record["event_time"]})
        else:
            self._put("catalog", self.random.choice(self.feed.catalog))

    def finish(self, timeout=600):
        self._stop.set()
        self._thread.join(timeout)
        if self._failure:
            raise self._failure
        assert not self._thread.is_alive(), "the load does not end"
        self.shop.producer.flush(300)
