"""The item model is the same everywhere: in every process of a run, and in one that starts from a
snapshot, from the table or from the beginning: the same fold, byte for byte, at the same offset."""
# ctest: shared-kafka timeout=300

import json
import unittest
from pathlib import Path

from confluent_kafka import TopicPartition

from freshet_test import Feed, Shop, end_offsets, seed, wait_until

SETTINGS = {"workers": 1, "idle_after": "1h", "commit": {"interval_ms": 10},
            "state": {"snapshot_interval": "1h", "table_interval": "1h"},
            "kafka": {"consumer": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500}}}


def snapshots(freshet):
    return sorted(Path(freshet.settings["state"]["dir"]).glob("items-*.snapshot"))


def begun(freshet):
    """What its newest life says of its beginning: {"from": …, "offset": …}"""
    line = freshet.log().rsplit("event=items_begin ", 1)[-1].splitlines()[0]
    return dict(word.split("=", 1) for word in line.split())


def live(freshet):
    """(items offset, digest) of a running process."""
    answer = freshet.get("/v1/items/digest", timeout=60).json()
    return answer["items"], answer["items_digest"]


def told(freshet, *arguments):
    """The same by `freshet inspect`: of its snapshot, or folded out of Kafka."""
    answer = json.loads(freshet.command("inspect", "--items-digest", *arguments).stdout)
    return answer["items"], answer["items_digest"]


class ItemModel(unittest.TestCase):
    def setUp(self):
        self.shop = Shop(partitions=4)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()

    def process(self, instance, changes=None):
        settings = {**SETTINGS, "instance": instance}
        for key, value in (changes or {}).items():
            settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
        return self.shop.process(settings).lives()

    def end(self):
        """Of <app>-items."""
        topic = self.shop.internal("items")
        return end_offsets(self.shop.cluster, [topic], 1)[topic, 0]

    def settled(self, freshet):
        """Its fold at the topic's end."""
        return wait_until(lambda: (at := live(freshet))[0] == self.end() and at, 30,
                          "the fold to reach the end")

    def load(self, begin, end):
        self.feed.send_events(self.shop, begin, end)
        self.shop.wait_caught_up(90)

    def test_a_start_takes_its_snapshot_and_what_follows(self):
        self.feed = Feed(3000)
        self.feed.send_tables(self.shop)
        with self.process("one") as one:
            one.start()
            self.assertEqual(begun(one)["from"], "beginning")
            self.load(0, 1500)
            before = self.settled(one)
            catalog = one.get("/v1/items/digest").json()["catalog_digest"]
            self.assertEqual(one.terminate(), 0)
            self.assertEqual(len(snapshots(one)), 1)
            self.assertEqual(told(one), before)
            self.assertEqual(told(one, "--items-from", "beginning"), before)

            one.start()  # nothing has happened since
            self.assertEqual((begun(one)["from"], int(begun(one)["offset"])),
                             ("snapshot", before[0]))
            self.assertEqual(self.settled(one), before)
            self.assertEqual(one.get("/v1/items/digest").json()["catalog_digest"], catalog)
            self.load(1500, 2000)
            one.kill()  # no snapshot of that
            one.start()
            self.assertEqual(int(begun(one)["offset"]), before[0])
            self.load(2000, 3000)
            after = self.settled(one)
            self.assertGreater(after[0], before[0])
            self.assertEqual(told(one, "--items-from", "beginning"), after)
            self.assertEqual(one.terminate(), 0)
            self.assertEqual(told(one), after)

    def test_a_bad_snapshot_is_named_and_replaced(self):
        self.feed = Feed(1500)
        self.feed.send_tables(self.shop)
        with self.process("one") as one:
            one.start()
            self.load(0, 1500)
            whole = self.settled(one)
            self.assertEqual(one.terminate(), 0)
            (file,) = snapshots(one)
            good = file.read_bytes()
            other_app = good.replace(self.shop.app.encode(), b"x" * len(self.shop.app))
            for bad, reason in ((good[:len(good) // 2], "ends too early"),
                                (good[:-40] + b"\1" + good[-39:], "checksum"),
                                (b"", "ends too early"),
                                (good[:8] + b"\0" + good[9:], "format 0"),
                                (other_app, "checksum")):
                for old in snapshots(one):
                    old.unlink()
                file.write_bytes(bad)
                one.start()
                refused = one.log().rsplit("event=items_snapshot_refused", 1)[-1].splitlines()[0]
                self.assertIn(reason, refused)
                self.assertIn(str(file), refused)
                self.assertEqual(begun(one)["from"], "beginning")
                self.assertEqual(self.settled(one), whole)
                self.assertEqual(one.terminate(), 0)
                self.assertEqual(told(one), whole)

    def test_faults_while_writing_leave_the_old_snapshot(self):
        self.feed = Feed(1500)
        self.feed.send_tables(self.shop)
        with self.process("one") as one:
            one.start()
            self.load(0, 500)
            self.assertEqual(one.terminate(), 0)
            old = snapshots(one)
            one.start(fault="snapshot_write=3")  # the disk is full at a stop
            self.load(500, 1000)
            self.assertEqual(one.terminate(), 0)
            self.assertIn("No space left on device", one.log())
            self.assertEqual(snapshots(one), old)
            one.start(fault="kill_snapshot_rename=1")  # dies between write and rename
            self.load(1000, 1500)
            whole = self.settled(one)
            self.assertEqual(one.terminate(), -9)
            self.assertEqual(snapshots(one), old)
            folder = old[0].parent
            self.assertEqual(len(list(folder.glob("*.tmp"))), 1)
            one.start()
            self.assertEqual(begun(one)["from"], "snapshot")
            self.assertEqual(list(folder.glob("*.tmp")), [])
            self.assertEqual(self.settled(one), whole)
            self.assertEqual(one.terminate(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
