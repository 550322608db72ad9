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

import requests
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext
from freshet_test import (FreshetProcess, KafkaBroker, Producer, Shop, click, create_topics,
                          make_folder, millis, order, own_cluster, read_topic, register,
                          wait_until)
from freshet_test.process import merge


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


# Answers what the harness asks `freshet run` for; says a sanitizer's words when asked to.
STAND_IN = """#!%s
import http.server, json, signal, sys
listen = next(l for l in open(sys.argv[3]) if "listen" in l).split('"')[1]
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = {"/readyz": "ok", "/v1/status": json.dumps({"argv": sys.argv[1:]}), "/metrics":
                '# HELP a b\\na_total{x="1",y="p q"} 2\\na_total{x="2",y="r"} 3.5\\nb 1e3\\n'}.get(self.path)
        if self.path == "/fault":
            print("==1==ERROR: AddressSanitizer: heap-use-after-free", file=sys.stderr, flush=True)
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write((body or "").encode())
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", int(listen.split(":")[1])), Handler).serve_forever()
"""


class OnAStandInForFreshet(unittest.TestCase):
    def setUp(self):
        binary = make_folder() / "freshet"
        binary.write_text(STAND_IN % sys.executable)
        binary.chmod(0o755)
        self.process = FreshetProcess({"app": "a", "kafka": {"linger.ms": 5}}, ["--set", "k=1"],
                                      binary=str(binary))

    def test_it_is_started_asked_and_stopped(self):
        with self.process as freshet:
            self.assertEqual(freshet.status()["argv"],
                             ["run", "-c", str(freshet.config), "--set", "k=1"])
            self.assertEqual(freshet.metric("a_total"), 5.5)
            self.assertEqual(freshet.metric("a_total", y="p q"), 2)
            self.assertEqual(freshet.metric("b"), 1000)
            self.assertEqual(freshet.metric("c"), 0)
            self.assertGreater(freshet.rss_bytes(), 1_000_000)
            self.assertEqual(freshet.terminate(), 7)
            self.assertFalse(freshet.running)

    def test_it_is_stopped_in_the_middle_and_killed(self):
        with self.process as freshet:
            freshet.pause()
            with self.assertRaises(requests.RequestException):
                freshet.get("/readyz", timeout=0.3)
            freshet.resume()
            self.assertTrue(freshet.is_ready())
            freshet.kill()
            with self.assertRaisesRegex(AssertionError, "ended with exit code -9"):
                freshet.wait_ready()
            freshet.start()
            self.assertEqual(freshet.terminate(), 7)

    def test_a_sanitizers_report_fails_the_test(self):
        with self.assertRaisesRegex(AssertionError, "heap-use-after-free"):
            with self.process as freshet:
                freshet.get("/fault")

    def test_settings_are_yaml_and_changes_lie_over_them(self):
        text = self.process.config.read_text()
        self.assertIn('app: "a"\nkafka:\n  linger.ms: 5\n', text)
        self.assertEqual(merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}, "d": 4}),
                         {"a": {"b": 3, "c": 2}, "d": 4})


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
