"""Processes join, leave and die during a load: every event has its one list all the same."""
# ctest: shared-kafka tsan timeout=240

import time
import unittest

from freshet_test import Feed, Shop, check_exact, click, qualifying, seed, user, wait_until

N_EVENTS = 24_000
N_SLICES = 6
SETTINGS = {"workers": 1, "idle_after": "1h", "commit": {"interval_ms": 10},
            # A dead member is missed after 3 s.
            "kafka": {"consumer": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500}}}


def tasks(freshet):
    """How many it has, by its own words since its last start."""
    life = freshet.log().rsplit("event=started", 1)[-1]
    return life.count("event=task_gained") - life.count("event=task_lost")


def has(freshet, n):
    wait_until(lambda: tasks(freshet) == n, 60, f"{n} tasks to be with a process", every=0.02)


class Rebalance(unittest.TestCase):
    def setUp(self):
        self.shop = Shop(partitions=4)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()

    def process(self, instance):
        return self.shop.process({**SETTINGS, "instance": instance}).lives()

    def load(self, slice_number, random):
        """A slice of the feed, and a moment for it to be in the middle of the work."""
        step = N_EVENTS // N_SLICES
        self.feed.send_events(self.shop, slice_number * step, (slice_number + 1) * step)
        time.sleep(random.uniform(0, 0.5))

    def test_joining_leaving_and_dying_lose_nothing_and_double_nothing(self):
        random = seed()
        self.feed = Feed(N_EVENTS)
        self.feed.send_tables(self.shop)
        with self.process("one") as one, self.process("two") as two:
            one.start()
            self.load(0, random)
            two.start(ready=False)
            has(two, 2)
            self.load(1, random)
            self.assertEqual(two.terminate(), 0)
            has(one, 4)
            two.start(ready=False)
            has(two, 2)
            self.load(2, random)
            one.kill()
            has(two, 4)
            one.start(ready=False)  # with a state directory that others have overtaken
            has(one, 2)
            self.load(3, random)
            two.kill()
            two.start(ready=False)  # at once: it has its place back before it is missed
            self.load(4, random)
            self.assertEqual(one.terminate(), 0)
            has(two, 4)
            self.load(5, random)
            self.shop.wait_caught_up(90)
            self.assertEqual(two.terminate(), 0)
        expected = qualifying(self.shop)
        self.assertGreater(len(expected), N_EVENTS * 0.9)
        check_exact(self, self.shop.read("recommendations"), expected)
        self.assertEqual(self.shop.read("dead-letter"), [])

    def test_a_task_goes_on_where_nothing_has_been_learnt_since(self):
        """A task waits until its new process knows the items that its old one knew. The end that
        the old one saw may lie behind the last record, past a transaction's marker."""
        people = [f"p{n}" for n in range(20)]
        with self.process("one") as one, self.process("two") as two:
            one.start()
            self.shop.send("clickstream", [click(p, "teapot") for p in people])
            self.shop.wait_caught_up()
            two.start()
            has(two, 2)
            self.shop.send("users", [user(p) for p in people])  # nothing that teaches about items
            self.shop.wait_caught_up()
            self.assertEqual(two.terminate(), 0)
            has(one, 4)
            self.shop.send("users", [user(p) for p in people])
            self.shop.wait_caught_up(20)
            self.assertEqual(one.terminate(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
