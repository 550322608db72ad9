"""`freshet demo` does the real job with nothing around it, strangers can read its topics, and it
leaves nothing behind."""
# ctest: timeout=180

import io
import json
import os
import re
import signal
import subprocess
import unittest
import urllib.request

import fastavro
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from freshet_test import freshet, freshet_binary, make_folder, wait_until
from freshet_test.process import ROOT
from freshet_test.waiting import WITH_PARENT, at_exit


class Demo:
    """`freshet demo` as a child with a TMPDIR of its own and no terminal."""

    def __init__(self, *arguments):
        self.tmp = make_folder("demo")
        self.out = self.tmp / "out"
        with open(self.out, "w") as out:
            self.process = subprocess.Popen(
                [*WITH_PARENT, freshet_binary(), "demo", "--port", "0", *arguments], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, "TMPDIR": str(self.tmp)})
        at_exit(self.process.kill)
        self.http = self.wait_for(r"console\s+(http://\S+?)/\n")
        self.brokers = self.wait_for(r"broker\s+(\S+)")

    def said(self):
        return self.out.read_text()

    def wait_for(self, pattern, timeout=60):
        found = wait_until(lambda: re.search(pattern, self.said()) or self.process.poll(),
                           timeout, f"the demo to say {pattern}")
        assert not isinstance(found, int), self.said()
        return found[1]

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=10) as answer:
            return json.load(answer)

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(60)

    def left_behind(self):
        return [path.name for path in self.tmp.iterdir() if path != self.out]


def read(demo, topic, n):
    """The first n records, decoded with what the demo's registry says: (key, headers, data)."""
    consumer = Consumer({"bootstrap.servers": demo.brokers, "group.id": "stranger",
                         "isolation.level": "read_committed", "enable.auto.commit": False})
    consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(4)])
    schemas, records = {}, []

    def take():
        message = consumer.poll(0.2)
        if message is not None and not message.error():
            value = message.value()
            number = int.from_bytes(value[1:5], "big")
            if number not in schemas:
                schemas[number] = fastavro.parse_schema(
                    json.loads(demo.get(f"/schemas/ids/{number}")["schema"]), named_schemas={})
            records.append((message.key().decode(), dict(message.headers() or []),
                            fastavro.schemaless_reader(io.BytesIO(value[5:]), schemas[number])))
        return len(records) >= n

    wait_until(take, 60, f"{n} records of {topic}", every=0)
    consumer.close()
    return records


class TheDemo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.demo = Demo()
        cls.addClassCleanup(cls.demo.process.kill)

    def test_lists_can_be_read_with_the_schemas_it_serves(self):
        lists = read(self.demo, "recommendations", 8000)
        for key, headers, data in lists:
            self.assertEqual(key, data["user_id"])
            self.assertRegex(headers["freshet.source"].decode(), r"^clickstream/\d/\d+$")
            items = [item["item_id"] for item in data["items"]]
            self.assertEqual(len(items), len(set(items)))
            self.assertLessEqual(len(items), 20)
            scores = [item["score"] for item in data["items"]]
            self.assertEqual(scores, sorted(scores, reverse=True))
        # At first hardly any item is known; later lists are full.
        lists.sort(key=lambda r: int(re.match(rb"items:(\d+)", r[1]["freshet.view"])[1]))
        full = sum(len(data["items"]) == 20 for _, _, data in lists[4000:])
        self.assertGreater(full, 3600)

    def test_inputs_can_be_read_too(self):
        titles = {data["item_id"]: data["title"] for _, _, data in
                  read(self.demo, "catalog", 10) if data}
        self.assertEqual(len(titles), 10)

    def test_kcat_reads_it(self):
        done = subprocess.run(["kcat", "-b", self.demo.brokers, "-C", "-t", "recommendations",
                               "-o", "beginning", "-c", "5", "-f", "%k\n", "-q"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(done.stdout.split()), 5)

    def test_http_shows_what_goes_on(self):
        status = wait_until(lambda: (s := self.demo.get("/v1/status")).get("hit_rate") and s, 60,
                            "a first hit rate")
        self.assertEqual([p["state"] for p in status["partitions"]], ["running"] * 4)
        self.assertGreater(status["fates"]["live"], 0)
        self.assertEqual(sum(n for fate, n in status["fates"].items()
                             if fate not in ("live", "duplicate")), 0)
        answer = self.demo.get("/v1/users/nobody-we-know/recommendations?k=3")
        self.assertEqual(len(answer["items"]), 3)
        self.assertTrue(all(item["title"] for item in answer["items"]))

    def test_messages_are_sent_to_people_who_agreed(self):
        agreed = {(json.loads(line)["user_id"], c["channel"])
                  for line in subprocess.run(["zcat", ROOT / "deploy/demo/users.jsonl.gz"],
                                             capture_output=True, text=True).stdout.splitlines()
                  for c in json.loads(line)["consents"] if c["granted"]}
        for topic, channel in (("content.push", "PUSH"), ("content.email", "EMAIL")):
            for key, _, data in read(self.demo, topic, 3):
                self.assertEqual(data["channel"], channel)
                self.assertIn((key, channel), agreed)


class ItsEnd(unittest.TestCase):
    def test_seconds_end_it_with_a_summary(self):
        demo = Demo("--seconds", "8", "--speed", "0")
        self.assertEqual(demo.process.wait(60), 0, demo.said())
        self.assertRegex(demo.said(), r"In \d+ s: \d+ events taken, 0 refused, 0 lines")
        self.assertNotRegex(demo.said(), r"Sanitizer|runtime error")
        self.assertEqual(demo.left_behind(), [])

    def test_ctrl_c_ends_it_as_well(self):
        demo = Demo()
        demo.wait_for(r"(hit rate)")
        self.assertEqual(demo.end(signal.SIGINT), 0, demo.said())
        self.assertIn("events taken", demo.said())
        self.assertEqual(demo.left_behind(), [])

    def test_a_busy_port_is_named_with_the_remedy(self):
        demo = Demo()
        port = demo.http.rsplit(":", 1)[1]
        done = freshet("demo", "--port", port, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"127.0.0.1:{port}", done.stderr)
        self.assertIn("--port", done.stderr)
        self.assertEqual(demo.end(signal.SIGTERM), 0)

    def test_data_that_is_not_there_is_named(self):
        done = freshet("demo", "--port", "0", "--data", "/no/such/folder", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("/no/such/folder/catalog.jsonl.gz", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
