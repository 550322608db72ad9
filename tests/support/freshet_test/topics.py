"""Making, filling and reading topics with confluent-kafka, which brings its own librdkafka."""

import time
from dataclasses import dataclass, field
from typing import Any

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition
from confluent_kafka.admin import NewTopic

from .cluster import QUIET


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int  # Kafka's own, milliseconds
    key: bytes | None
    value: bytes | None  # as it is on the wire
    headers: dict = field(default_factory=dict)  # name -> bytes; the last of equal names
    data: Any = None  # the decoded value, if a codec was given

    @property
    def user(self):
        return self.key.decode()


def create_topics(cluster, topics, timeout=30):
    """topics: name -> partitions, or name -> (partitions, {setting: value}). Waits until every
    one of them can be seen."""
    wanted = []
    for name, value in topics.items():
        partitions, config = value if isinstance(value, tuple) else (value, {})
        wanted.append(NewTopic(name, partitions, 1, config=config))
    for name, done in cluster.admin.create_topics(wanted, operation_timeout=timeout).items():
        done.result(timeout)
    deadline = time.monotonic() + timeout
    while not set(topics) <= set(cluster.admin.list_topics(timeout=timeout).topics):
        if time.monotonic() > deadline:
            raise AssertionError(f"topics {sorted(topics)} do not appear")
        time.sleep(0.05)


def delete_topics(cluster, names, timeout=30):
    """Those that are not there are no matter."""
    if not names:
        return
    for done in cluster.admin.delete_topics(list(names), operation_timeout=timeout).values():
        try:
            done.result(timeout)
        except confluent_kafka.KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise


def _asker(cluster, group):
    return Consumer({"bootstrap.servers": cluster.bootstrap, "group.id": group,
                     "enable.auto.commit": False, **QUIET})


def group_offsets(cluster, group, topics, partitions, timeout=60):
    """{(topic, partition): what the group has committed}; those without a commit are left out.
    Waits while a transaction that carries offsets is open."""
    consumer = _asker(cluster, group)
    wanted = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                answers = consumer.committed(wanted, timeout=timeout)
                if not any(answer.error for answer in answers):
                    return {(a.topic, a.partition): a.offset for a in answers if a.offset >= 0}
            except confluent_kafka.KafkaException:
                answers = []
            assert time.monotonic() < deadline, f"offsets of group {group}: {answers}"
            time.sleep(0.1)
    finally:
        consumer.close()


def end_offsets(cluster, topics, partitions, timeout=60):
    """{(topic, partition): offset after the last record}"""
    consumer = _asker(cluster, "freshet-test-reader")
    try:
        return {(topic, p): consumer.get_watermark_offsets(TopicPartition(topic, p),
                                                           timeout=timeout)[1]
                for topic in topics for p in range(partitions)}
    finally:
        consumer.close()


class Producer:
    """Waits for every delivery at flush(); one that failed is an AssertionError there."""

    def __init__(self, cluster, **properties):
        self._producer = confluent_kafka.Producer({
            "bootstrap.servers": cluster.bootstrap, "partitioner": "murmur2_random",
            "linger.ms": 5, "acks": "all", **QUIET, **properties})
        self._failed = []
        self.placed = []  # (topic, partition, offset), in the order of delivery

    def _delivered(self, error, message):
        if error:
            self._failed.append(error)
        else:
            self.placed.append((message.topic(), message.partition(), message.offset()))

    def send(self, topic, key, value, **more):
        """more: partition, timestamp, headers. Waits while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered, **more)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self, timeout=60):
        left = self._producer.flush(timeout)
        assert left == 0, f"{left} messages not delivered after {timeout} s"
        assert not self._failed, f"{len(self._failed)} messages failed, first: {self._failed[0]}"

    def __getattr__(self, name):  # transactions and the like: the client's own
        return getattr(self._producer, name)


def read_topic(cluster, topic, codec=None, committed=True, timeout=60):
    """All records from the beginning to the end of every partition, in order within each.

    committed: the end is the last stable offset and aborted records do not appear; an open
    transaction hides what is behind its start. A value is decoded if a codec is given.
    """
    consumer = Consumer({
        "bootstrap.servers": cluster.bootstrap, "group.id": "freshet-test-reader",
        "enable.auto.commit": False, "enable.partition.eof": True,
        "isolation.level": "read_committed" if committed else "read_uncommitted",
        "fetch.wait.max.ms": 20, **QUIET})
    try:
        partitions = consumer.list_topics(topic, timeout=timeout).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        return _read_to_the_end(consumer, set(partitions), codec, timeout)
    finally:
        consumer.close()


def _read_to_the_end(consumer, open_partitions, codec, timeout):
    records = []
    deadline = time.monotonic() + timeout
    while open_partitions:
        assert time.monotonic() < deadline, \
            f"after {timeout} s the end of partitions {sorted(open_partitions)} was not reached"
        for message in consumer.consume(1000, 0.2):
            error = message.error()
            if error is None:
                records.append(_record(message, codec))
            elif error.code() == KafkaError._PARTITION_EOF:
                open_partitions.discard(message.partition())
            else:
                raise AssertionError(f"reading {message.topic()}: {error}")
    return sorted(records, key=lambda r: (r.partition, r.offset))


def _record(message, codec):
    value = message.value()
    return Record(message.topic(), message.partition(), message.offset(), message.timestamp()[1],
                  message.key(), value, dict(message.headers() or ()),
                  codec.decode(value) if codec and value is not None else None)
