"""SIGTERM in the middle of the work drains, commits and exits with 0; the next start goes on."""
# ctest: shared-kafka tsan timeout=180

import time
import unittest

from freshet_test import Feed, Shop, check_exact, qualifying, seed, sources, wait_until

N_EVENTS = 12_000
N_STOPS = 4
SECONDS_TO_STOP = 15  # a second or two; the machine may be busy
SETTINGS = {"workers": 2, "idle_after": "1h", "commit": {"interval_ms": 20}}


def group(shop):
    [answer] = shop.cluster.admin.describe_consumer_groups([shop.app]).values()
    return answer.result(20)


def members(shop):
    """group.instance.id of each member of the shop's group"""
    return {member.group_instance_id for member in group(shop).members}


class Stop(unittest.TestCase):
    def setUp(self):
        self.shop = Shop(partitions=4)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()

    def stop(self, freshet):
        begin = time.monotonic()
        self.assertEqual(freshet.terminate(), 0)
        self.assertLess(time.monotonic() - begin, SECONDS_TO_STOP)
        # librdkafka calls a transaction an error that a rebalance voided; to us it is none.
        self.assertEqual([line for line in freshet.log().splitlines()
                          if "level=error" in line and "event=librdkafka" not in line], [])

    def test_stops_in_the_middle_of_a_load_lose_nothing(self):
        random = seed()
        feed = Feed(N_EVENTS)
        feed.send_tables(self.shop)
        feed.send_events(self.shop)
        expected = qualifying(self.shop)
        with self.shop.process(SETTINGS).lives() as freshet:
            for life in range(N_STOPS):
                freshet.start(ready=False)
                wait_until(lambda: freshet.log().count("event=task_started") >= 4 * (life + 1),
                           30, "all four tasks to start")
                time.sleep(random.uniform(0, 0.4))
                self.stop(freshet)
                self.check_what_is_committed(expected)
            freshet.start()
            self.shop.wait_caught_up(60)
            self.stop(freshet)
        check_exact(self, self.shop.read("recommendations"), expected)

    def check_what_is_committed(self, expected):
        """Lists up to the group's offsets and none beyond, and no transaction is left open: what
        a reader of uncommitted records sees is no more than a reader of committed ones sees."""
        lists = self.shop.read("recommendations")
        offsets = self.shop.offsets()
        covered = {source for source, event in expected.items()
                   if event.offset < (offsets["clickstream", event.partition][0] or 0)}
        self.assertEqual(set(sources(lists)), covered)
        self.assertEqual(len(lists), len(covered))
        self.assertEqual(len(self.shop.read("recommendations", committed=False)), len(lists))

    def test_a_stopped_process_leaves_the_group_and_with_the_flag_it_stays(self):
        feed = Feed(200)
        feed.send_tables(self.shop)
        feed.send_events(self.shop)
        expected = qualifying(self.shop)
        both = {f"{self.shop.app}-one-0", f"{self.shop.app}-one-1"}

        def settled():
            return group(self.shop).state.name == "STABLE" and members(self.shop) == both

        with self.shop.process({**SETTINGS, "instance": "one"}) as freshet:
            self.shop.wait_caught_up()
            wait_until(settled, 30, "both workers to be members")
            self.stop(freshet)
            self.assertEqual(members(self.shop), set())

            freshet.start("--keep-membership")
            wait_until(settled, 30, "both workers to be members again")
            self.stop(freshet)
            self.assertEqual(members(self.shop), both)

            freshet.start()
            wait_until(settled, 30, "both workers to have their places back")
            self.stop(freshet)
            self.assertEqual(members(self.shop), set())
        check_exact(self, self.shop.read("recommendations"), expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
