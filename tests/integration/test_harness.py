"""The harness itself: if these fail, no other integration test means anything."""
# ctest: shared-kafka timeout=180

import os
import signal
import socket
import subprocess
import sys
import time
import unittest
from decimal import Decimal
from pathlib import Path

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from freshet_test import (KafkaBroker, Producer, Shop, click, create_topics, make_folder, millis,
                          order, own_cluster, read_topic, register, wait_until)


class OnASharedCluster(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = Shop(partitions=3)
        cls.shop.create_topics()
        cls.shop.register_schemas()

    @classmethod
    def tearDownClass(cls):
        cls.shop.close()

    def test_a_thousand_records_come_back_equal(self):
        sent = [click(f"user {i % 70}", f"item {i % 13}", time=1_300_000_000_000 + i,
                      price=f"{i}.0{i % 10}", attributes={"n": str(i)}) for i in range(1000)]
        self.shop.send("clickstream", sent)
        records = self.shop.read("clickstream")
        self.assertEqual(len(records), 1000)
        came = {r.data["event_id"]: r for r in records}
        for event in sent:
            data = came[event["event_id"]].data
            self.assertEqual(millis(data["event_time"]), event["event_time"])
            self.assertEqual({**data, "event_time": event["event_time"]},
                             {**dict.fromkeys(data), "quantity": 1, **event})

    def test_the_official_deserializer_reads_our_frame(self):
        self.shop.send("orders", [order("anna", [("teapot", 2, "4.25")], time=1_300_000_000_000)])
        record = self.shop.read("orders")[-1]
        with SchemaRegistryClient({"url": self.shop.cluster.registry_url}) as client:
            data = AvroDeserializer(client)(
                record.value, SerializationContext(record.topic, MessageField.VALUE))
        self.assertEqual(data, record.data)
        self.assertEqual(data["lines"], [{"item_id": "teapot", "quantity": 2,
                                          "unit_price": Decimal("4.2500")}])

    def test_keys_are_placed_as_java_places_them(self):
        """Partitions by Kafka's own murmur2 (Utils.toPositive(Utils.murmur2(key)) % 3)."""
        def murmur2(data):
            h = 0x9747B28C ^ len(data)
            for i in range(0, len(data) & ~3, 4):
                k = int.from_bytes(data[i:i + 4], "little") * 0x5BD1E995 & 0xFFFFFFFF
                k = (k ^ k >> 24) * 0x5BD1E995 & 0xFFFFFFFF
                h = h * 0x5BD1E995 & 0xFFFFFFFF ^ k
            tail = data[len(data) & ~3:]
            if tail:
                h = (h ^ int.from_bytes(tail, "little")) * 0x5BD1E995 & 0xFFFFFFFF
            h = (h ^ h >> 13) * 0x5BD1E995 & 0xFFFFFFFF
            return h ^ h >> 15

        self.shop.send("reviews", [{"review_id": f"r{i}", "user_id": f"u{i}", "item_id": "i",
                                    "rating": 5, "text": "", "event_time": 1} for i in range(50)])
        for record in self.shop.read("reviews"):
            self.assertEqual(record.partition, (murmur2(record.key) & 0x7FFFFFFF) % 3, record.key)

    def test_aborted_and_open_transactions_are_invisible(self):
        topic = self.shop.topic("transactions")
        create_topics(self.shop.cluster, {topic: 1})
        producer = Producer(self.shop.cluster, **{"transactional.id": topic})
        producer.init_transactions()
        for values, end in (((b"kept",), producer.commit_transaction),
                            ((b"dropped", b"dropped"), producer.abort_transaction),
                            ((b"open",), producer.flush)):
            producer.begin_transaction()
            for value in values:
                producer.send(topic, b"k", value)
            producer.flush()
            end()

        def values(committed):
            return [r.value for r in read_topic(self.shop.cluster, topic, committed=committed)]

        self.assertEqual(values(True), [b"kept"])
        self.assertEqual(values(False), [b"kept", b"dropped", b"dropped", b"open"])
        producer.commit_transaction()
        self.assertEqual(values(True), [b"kept", b"open"])

    def test_an_incompatible_schema_is_refused(self):
        url = self.shop.cluster.registry_url
        subject = f"{self.shop.topic('compatibility')}-value"
        record = '{"type": "record", "name": "R", "fields": [%s]}'
        register(url, subject, record % '{"name": "a", "type": "int"}')
        with self.assertRaisesRegex(Exception, "409"):
            register(url, subject, record % '{"name": "b", "type": "string"}')


class OnServersOfItsOwn(unittest.TestCase):
    def test_a_killed_broker_comes_back_with_its_data(self):
        with own_cluster(with_registry=False) as cluster:
            create_topics(cluster, {"t": 1})
            producer = Producer(cluster)
            producer.send("t", b"k", b"before")
            producer.flush()
            cluster.broker.kill()
            self.assertFalse(cluster.broker.running)
            producer.send("t", b"k", b"while it was away")
            cluster.broker.start()
            producer.flush()
            self.assertEqual([r.value for r in read_topic(cluster, "t")],
                             [b"before", b"while it was away"])

    def test_a_busy_port_is_refused_by_name(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with self.assertRaisesRegex(RuntimeError, f"port {port} is busy"):
                KafkaBroker(port=port).start()

    def test_nothing_is_left_when_the_test_is_killed(self):
        """Children die with a test that gets SIGKILL; its folders go at the next test's start."""
        script = ("import freshet_test as f, time\n"
                  "b = f.KafkaBroker().start()\n"
                  "print(b.process.pid, b.folder, flush=True)\n"
                  "time.sleep(600)\n")
        child = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        pid, folder = child.stdout.readline().split()
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        wait_until(lambda: not alive(int(pid)), 10, "the broker to end with its owner")
        self.assertTrue(Path(folder).exists())
        subprocess.run([sys.executable, "-c", "import freshet_test"], check=True,
                       env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
        self.assertFalse(Path(folder).exists())


class Waiting(unittest.TestCase):
    def test_a_wait_in_vain_says_for_what(self):
        begin = time.monotonic()
        with self.assertRaisesRegex(AssertionError, "in vain for rain; last value: 0"):
            wait_until(lambda: 0, 0.2, "rain")
        self.assertLess(time.monotonic() - begin, 5)

    def test_a_folder_carries_the_owners_process_id(self):
        self.assertIn(f"-{os.getpid()}-", make_folder().name)


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    unittest.main(verbosity=2)
