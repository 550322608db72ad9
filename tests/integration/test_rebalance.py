"""Processes join, leave and die during a load: every event has its one list all the same."""
# ctest: shared-kafka timeout=240

import time
import unittest

from freshet_test import Feed, Shop, check_exact, qualifying, seed, wait_until

N_EVENTS = 12_000
SETTINGS = {"workers": 1, "idle_after": "1h", "commit": {"interval_ms": 20}}


class Rebalance(unittest.TestCase):
    def test_joining_leaving_and_dying_lose_nothing_and_double_nothing(self):
        random = seed()
        shop = Shop(partitions=4)
        self.addCleanup(shop.close)
        shop.create_topics()
        shop.register_schemas()
        feed = Feed(N_EVENTS)
        feed.send_tables(shop)
        feed.send_events(shop)
        expected = qualifying(shop)

        one = shop.process({**SETTINGS, "instance": "one"})
        two = shop.process({**SETTINGS, "instance": "two"})

        def tasks(freshet):
            gained = freshet.log().count("event=task_gained")
            return gained - freshet.log().count("event=task_lost")

        with one.lives(), two.lives():
            one.start(ready=False)
            time.sleep(random.uniform(0.3, 1.0))
            two.start(ready=False)  # joins in the middle of the load
            wait_until(lambda: tasks(two) == 2, 60, "two tasks to come to the second process")
            self.assertEqual(two.terminate(), 0)  # leaves in good order
            wait_until(lambda: tasks(one) == 4, 60, "all tasks to go back")
            two.start(ready=False)
            wait_until(lambda: two.log().count("event=task_started") >= 1, 60, "a task to start")
            one.kill()  # dies: its tasks go to the other one after the session timeout
            wait_until(lambda: shop.behind() == 0, 90, "the survivor to take all of it")
            self.assertEqual(two.terminate(), 0)
        check_exact(self, shop.read("recommendations"), expected)


if __name__ == "__main__":
    unittest.main(verbosity=2)
