"""The item model is the same everywhere: in every process of a run, and in one that starts from a
snapshot, from the table or from the beginning: the same fold, byte for byte, at the same offset."""
# ctest: shared-kafka timeout=400

import json
import re
import time
import unittest
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import requests
from confluent_kafka import TopicPartition

from freshet_test import Feed, Shop, click, end_offsets, read_topic, seed, wait_until

SETTINGS = {"workers": 1, "idle_after": "1h", "commit": {"interval_ms": 10},
            "state": {"snapshot_interval": "1h", "table_interval": "1h"},
            "kafka": {"consumer": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500}}}


FAULTS = ("kill_before_commit", "kill_after_commit", "kill_before_cache", "kill_snapshot_rename")


def snapshots(freshet):
    return sorted(Path(freshet.settings["state"]["dir"]).glob("items-*.snapshot"))


def begun(freshet):
    """What its newest life says of its beginning: {"from": …, "offset": …}"""
    line = freshet.log().rsplit("event=items_begin ", 1)[-1].splitlines()[0]
    return dict(word.split("=", 1) for word in line.split())


def live(freshet):
    """(items offset, digest) of a running process."""
    if not freshet.running:
        freshet.fail(f"it ended with exit code {freshet.process.returncode}")
    try:
        answer = freshet.get("/v1/items/digest", timeout=60)
    except requests.ConnectionError:  # not even that yet
        return None, None
    data = answer.json() if answer.ok else {}  # not ready yet
    return data.get("items"), data.get("items_digest")


def told(freshet, *arguments):
    """The same by `freshet inspect`: of its snapshot, or folded out of Kafka."""
    answer = json.loads(freshet.command("inspect", "--items-digest", *arguments).stdout)
    return answer["items"], answer["items_digest"]


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def groups(block, at, has_class, cell_bytes):
    """(class, hour, cell, sum) of a block: groups of hours, each of cells with a number."""
    n_groups, at = varint(block, at)
    for _ in range(n_groups):
        kind = block[at] if has_class else None
        hour, at = varint(block, at + has_class)
        n, at = varint(block, at)
        for _ in range(n):
            cell = bytes(block[at:at + cell_bytes])
            number, at = varint(block, at + cell_bytes)
            yield kind, hour, cell, number
    assert at == len(block)


def totals(records):
    """What the records of <app>-items teach in whole numbers, summed here: events by item, action
    and hour, and the weights of pairs by both items, class and hour (models/README.md)."""
    sums = Counter()
    for record in records:
        at, data = 1, record.value
        while at < len(data):
            tag = data[at]
            n, at = varint(data, at + 1)
            block, at = data[at:at + n], at + n
            if tag == 1:  # popularity: behind the time of the last event
                _, begin = varint(block, 0)
                cells = groups(block, begin, False, 1)
            else:
                cells = groups(block, 0, True, 8) if tag == 2 else ()
            for kind, hour, cell, number in cells:
                sums[tag, record.key, kind, hour, cell] += number
    return sums


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
            one.kill()
            one.start(fault="mutant_snapshot_offset=1")  # a start that forgets what comes between
            offset, digest = self.settled(one)
            self.assertEqual(offset, after[0])
            self.assertNotEqual(digest, after[1])
            one.kill()
            one.start()
            self.assertEqual(self.settled(one), after)
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


    # ---- the table ----

    def covered(self, freshet):
        """Until all rows of what is folded are in the table: the cover's items offset. The fold's
        own offset may be a little further, past the markers of transactions."""
        last = max(r.offset for r in read_topic(self.shop.cluster, self.shop.internal("items")))
        return wait_until(lambda: (at := freshet.metric("freshet_item_table_covered_offset"))
                          > last and int(at), 60, "the table to cover the topic")

    def expire(self, offset):
        """As retention does: <app>-items begins there from now on."""
        topic = TopicPartition(self.shop.internal("items"), 0, offset)
        for done in self.shop.cluster.admin.delete_records([topic]).values():
            self.assertEqual(done.result(30).low_watermark, offset)

    def test_a_new_machine_starts_from_the_table(self):
        self.feed = Feed(3000)
        self.feed.send_tables(self.shop)
        with self.process("one", {"state": {"table_interval": "200ms"}}) as one, \
                self.process("two") as two, self.process("three") as three:
            one.start()
            self.load(0, 2000)
            self.covered(one)
            whole = self.settled(one)
            self.assertEqual(told(two, "--items-from", "table"), whole)
            two.start()
            self.assertEqual(begun(two)["from"], "table")
            self.assertEqual(self.settled(two), self.settled(one))
            self.load(2000, 3000)
            whole = self.settled(one)
            self.assertEqual(self.settled(two), whole)
            self.assertEqual(told(two, "--items-from", "beginning"), whole)
            # In the middle of a round as after it: what the last cover says stays whole.
            for freshet in (one, two):
                freshet.kill()
            self.assertEqual(told(three, "--items-from", "table"), whole)
            three.start()
            self.assertEqual(begun(three)["from"], "table")
            self.assertEqual(self.settled(three), whole)

    def test_expired_records_are_replaced_or_the_start_ends(self):
        self.feed = Feed(2500)
        self.feed.send_tables(self.shop)
        with self.process("one", {"state": {"table_interval": "200ms"}}) as one, \
                self.process("two") as two, self.process("three") as three:
            one.start()
            self.load(0, 1500)
            cover = self.covered(one)
            self.assertEqual(one.terminate(), 0)
            self.feed.send_events(self.shop, 1500, 2500)
            self.expire(cover)
            one.start()
            self.assertEqual(begun(one)["from"], "snapshot")
            self.shop.wait_caught_up(90)
            whole = self.settled(one)
            two.start()
            self.assertEqual(begun(two)["from"], "table")
            self.assertEqual(self.settled(two), whole)
            self.covered(one)
            for freshet in (one, two):
                freshet.kill()

            # Beyond snapshot and table: a sentence that names topic and gap, and no start.
            end = self.end()
            self.shop.send("clickstream", [click(f"p{n}", "teapot") for n in range(50)])
            two.start()  # which writes no table within the test
            self.shop.wait_caught_up(60)
            two.kill()
            self.expire(self.end())
            three.start(ready=False)
            self.assertEqual(three.wait_exit(), 1)
            self.assertRegex(three.log(), rf"topic '{self.shop.internal('items')}' begins at "
                             rf"offset {self.end()}: records 0 to {self.end() - 1} have expired")
            self.assertIn("event=items_table_refused", three.log())
            self.assertGreater(self.end(), end)

    # ---- the same everywhere ----

    def run_with(self, inputs, n_processes, kills, random):
        """All of the inputs, by an app of its own with so many processes, of which some die. They
        end with the same fold, and so does whoever comes by it otherwise. Gives the totals."""
        self.shop = Shop(inputs_of=inputs)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()
        with ExitStack() as stack:
            processes = [stack.enter_context(self.process(f"p{n}", {
                "commit": {"interval_ms": random.choice((2, 10, 50, 200))},
                "state": {"table_interval": f"{random.choice((150, 400, 1000))}ms",
                          "snapshot_interval": f"{random.choice((300, 900, 3000))}ms"}}))
                for n in range(n_processes)]
            for freshet in processes:
                freshet.start(ready=False)
            n_behind = self.kill_some(processes, kills, random)
            self.shop.wait_caught_up(150)
            wait_until(lambda: len({self.settled(f) for f in processes}) == 1, 30, "one fold")
            whole = self.settled(processes[0])
            for source in ("beginning", "snapshot", "table"):
                self.assertEqual(told(processes[0], "--items-from", source), whole, source)
            for freshet in processes:
                self.assertEqual(freshet.terminate(), 0)
                self.assertEqual(told(freshet), whole)
        begins = Counter(word for freshet in processes for word in
                         re.findall("event=items_begin from=([a-z]+)", freshet.log()))
        print(f"{n_processes} processes, {kills} kills, {n_behind} of them in the middle of work: "
              f"fold {whole}, begun {dict(begins)}", flush=True)
        return totals(read_topic(self.shop.cluster, self.shop.internal("items")))

    def kill_some(self, processes, kills, random):
        """At random moments, and at the ones that matter; all live in the end, without faults."""
        armed, n_behind = set(), 0
        for _ in range(kills):
            time.sleep(random.uniform(0.2, 2.0))
            n_behind += self.shop.behind() > 0
            victim = random.choice(processes)
            victim.kill()  # or it was dead already, by its fault
            time.sleep(random.choice((0, 0, 4)))  # back before it is missed, or after
            fault = random.choice((None, *FAULTS))
            victim.start(ready=False, fault=fault and f"{fault}={random.randint(1, 5)}")
            armed.add(victim)
        for freshet in armed:
            freshet.kill()
            freshet.start(ready=False)
        return n_behind

    def inputs(self, n_events, partitions):
        shop = Shop(partitions=partitions)
        self.addCleanup(shop.close)
        shop.create_topics()
        shop.register_schemas()
        feed = Feed(n_events)
        feed.send_tables(shop)
        feed.send_events(shop)
        return shop

    def test_all_processes_hold_the_same_fold(self):
        random = seed()
        inputs = self.inputs(40_000, 4)
        calm = self.run_with(inputs, 1, 0, random)
        self.assertGreater(sum(calm.values()), 40_000)
        self.assertEqual(self.run_with(inputs, 1, 6, random), calm)
        self.assertEqual(self.run_with(inputs, 2, 8, random), calm)

    def test_five_processes_hold_the_same_fold(self):
        random = seed()
        inputs = self.inputs(10_000, 5)
        calm = self.run_with(inputs, 1, 0, random)
        self.assertEqual(self.run_with(inputs, 5, 8, random), calm)


if __name__ == "__main__":
    unittest.main(verbosity=2)
