"""A shop of its own on a cluster that others use too: a random name is the app and the prefix of
every topic, so tests do not see each other."""

import os
import secrets

from .cluster import shared_cluster
from .process import FreshetProcess, merge
from .topics import (Producer, create_topics, delete_topics, end_offsets, group_offsets,
                     read_topic)
from .waiting import at_exit, wait_until
from .wire import Codec, register, schema_text

FILE_OF_TOPIC = {
    "clickstream": "click_event",
    "orders": "order_event",
    "catalog": "catalog_item",
    "users": "user",
    "engagement": "engagement_event",
    "reviews": "review_event",
    "recommendations": "recommendation",
    "content.push": "push_message",
    "content.email": "email_message",
    "content.social": "social_message",
    "content.seo": "seo_message",
    "content.onsite": "onsite_message",
    "suppressed": "suppressed_message",
    "profiles": "profile",
}

INPUTS = ("clickstream", "orders", "catalog", "users", "engagement", "reviews")
# Partition p of these is a task: its offsets are committed together.
TASK_TOPICS = ("users", "clickstream", "orders", "reviews", "engagement")

# The field that is a record's key; of the others it is user_id.
KEY_OF_TOPIC = {"catalog": "item_id"}

WEEK_MS = str(7 * 86_400_000)
COMPACTED = {"cleanup.policy": "compact", "delete.retention.ms": WEEK_MS}
# Replays read the tables' old values: they are kept as long as the inputs.
TABLE = {**COMPACTED, "min.compaction.lag.ms": str(30 * 86_400_000)}
# Event times of tests may be years old; without this the broker would delete such records.
KEPT = {"retention.ms": "-1"}
# Outputs and dead letters may be 64 KiB larger than inputs.
WIDER = {"max.message.bytes": str(1_048_588 + 65_536)}


class Shop:
    """
    with Shop(partitions=4) as shop:
        shop.create_topics()
        shop.register_schemas()
        shop.send("clickstream", [click("anna", "teapot")])
        with shop.process({"workers": 2}) as freshet: ...
        lists = shop.read("recommendations")
    """

    def __init__(self, cluster=None, partitions=4, inputs_of=None):
        """inputs_of: another Shop, whose inputs this one's `freshet` reads as well."""
        self.inputs_of = inputs_of
        given = cluster or (inputs_of and inputs_of.cluster)
        self.cluster = given or shared_cluster()
        self.ends_cluster = given is None and self.cluster.broker is not None
        self.partitions = inputs_of.partitions if inputs_of else partitions
        self.app = f"t{os.getpid()}-{secrets.token_hex(3)}"
        self.codec = Codec(self.cluster.registry_url)
        self.ids = {}  # topic -> id of its schema
        self._producer = None
        self._open = True
        at_exit(self.close)

    def topic(self, name):
        """The real name of a topic of INTERFACES' list."""
        owner = self.inputs_of if self.inputs_of and name in INPUTS else self
        return f"{owner.app}.{name}"

    def internal(self, name):
        """changelog, journal, items, items-table"""
        return f"{self.app}-{name}"

    def create_topics(self):
        """All topics, inputs, outputs and internal ones."""
        p = self.partitions
        topics = {self.topic(name): (p, KEPT) for name in
                  ("clickstream", "orders", "engagement", "reviews")}
        topics |= {self.topic(name): (p, {**KEPT, **WIDER}) for name in
                   ("recommendations", "content.push", "content.email", "content.social",
                    "content.seo", "content.onsite", "suppressed", "dead-letter")}
        topics |= {self.topic(name): (p, TABLE) for name in ("catalog", "users")}
        topics |= {self.topic("profiles"): (p, {**COMPACTED, **WIDER}),
                   self.internal("changelog"): (p, {**COMPACTED, **WIDER}),
                   self.internal("journal"): (p, {**KEPT, **WIDER}),
                   self.internal("items"): (1, {**KEPT, **WIDER}),
                   self.internal("items-table"): (1, {**COMPACTED, **WIDER})}
        create_topics(self.cluster, {name: value for name, value in topics.items()
                                     if name.startswith(self.app)})

    def register_schemas(self):
        """schemas/*.avsc under <topic>-value."""
        for topic, file in FILE_OF_TOPIC.items():
            text = schema_text(file)
            self.ids[topic] = register(self.cluster.registry_url, f"{self.topic(topic)}-value", text)
            self.codec.add(self.ids[topic], text)

    @property
    def producer(self):
        if self._producer is None:
            self._producer = Producer(self.cluster)
        return self._producer

    def use_producer(self, producer):
        """Instead of a plain one."""
        self._producer = producer

    def send(self, topic, records, flush=True, **more):
        """Publishes records (dicts) as the shop would: Avro in the Confluent frame, keyed, murmur2."""
        key = KEY_OF_TOPIC.get(topic, "user_id")
        for record in records:
            self.producer.send(self.topic(topic), record[key],
                               self.codec.encode(self.ids[topic], record), **more)
        if flush:
            self.producer.flush()

    def send_raw(self, topic, key, value, **more):
        """Bytes as they are; a value of None is a tombstone."""
        self.producer.send(self.topic(topic), key, value, **more)
        self.producer.flush()

    def read(self, topic, decode=True, committed=True, **more):
        """All records of a topic of INTERFACES' list; dead letters are not decoded."""
        codec = self.codec if decode and topic != "dead-letter" else None
        return read_topic(self.cluster, self.topic(topic), codec, committed, **more)

    def offsets(self):
        """{(topic of INTERFACES' list, partition): (committed by the group or None, end)}"""
        names = {self.topic(name): name for name in TASK_TOPICS}
        committed = group_offsets(self.cluster, self.app, names, self.partitions)
        ends = end_offsets(self.cluster, names, self.partitions)
        return {(names[topic], partition): (committed.get((topic, partition)), end)
                for (topic, partition), end in ends.items()}

    def behind(self):
        """Records of the task topics that no transaction has covered yet. A task that has never
        committed anything has nothing to read, or lags by all of it."""
        return sum(end - (committed or 0) for committed, end in self.offsets().values())

    def wait_caught_up(self, timeout=60):
        """Until every record sent so far is covered by a committed transaction."""
        wait_until(lambda: self.behind() == 0, timeout, "all input to be committed", every=0.2)

    def settings(self, changes=None):
        names = [*FILE_OF_TOPIC, "dead-letter"]
        return merge({
            "app": self.app,
            "kafka": {"bootstrap.servers": self.cluster.bootstrap},
            "registry": {"url": self.cluster.registry_url},
            "topics": {name: self.topic(name) for name in names},
            "state": {"memory": "256MiB"},
        }, changes or {})

    def process(self, changes=None, **options):
        """A FreshetProcess of this shop, not started; changes: settings beside the usual ones."""
        return FreshetProcess(self.settings(changes), **options)

    def close(self):
        """Removes its topics, those that freshet made included, or ends the cluster if it was
        made for this shop alone."""
        if not self._open:
            return
        self._open = False
        self._producer = None
        self.codec.client.__exit__(None, None, None)
        broker = self.cluster.broker
        if self.ends_cluster:
            self.cluster.close()
        elif broker is None or broker.running:
            names = self.cluster.admin.list_topics(timeout=10).topics
            delete_topics(self.cluster, [name for name in names if name.startswith(self.app)])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
