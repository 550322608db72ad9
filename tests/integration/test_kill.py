"""Twenty kill -9 at random moments leave the same lists and the same state as none."""
# ctest: shared-kafka timeout=300

import unittest

from freshet_test import Feed, Shop, check_exact, qualifying, seed, wait_until

N_EVENTS = 40_000  # more than twenty lives of a second can do
N_KILLS = 20
# Deaths at the moments that matter most, between the random ones: before and after the broker
# knows of a commit, and before our caches do.
FAULTS = ("kill_before_commit", "kill_after_commit", "kill_before_cache")

# Many transactions. No clock moves by itself: the state at the end must not depend on how long
# the test took.
SETTINGS = {"workers": 2, "idle_after": "1h", "commit": {"interval_ms": 5}}


def user_state(freshet):
    """Lines of `inspect --all`: one for each person."""
    return freshet.command("inspect", "--all").stdout.splitlines()


class Kill(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """Everything is loaded before the first run, so both runs see the same."""
        cls.feed = Feed(N_EVENTS)
        cls.shop = Shop(partitions=4)
        cls.addClassCleanup(cls.shop.close)
        cls.shop.create_topics()
        cls.shop.register_schemas()
        cls.feed.send_tables(cls.shop)
        cls.feed.send_events(cls.shop)
        cls.expected = qualifying(cls.shop)
        cls.calm = Shop(inputs_of=cls.shop)
        cls.addClassCleanup(cls.calm.close)
        cls.calm.create_topics()
        cls.calm.register_schemas()

    def run_with_kills(self, freshet, random):
        deaths = {"at a random moment": 0, **dict.fromkeys(FAULTS, 0)}
        while deaths["at a random moment"] < N_KILLS:
            if random.random() < 0.3:
                fault = random.choice(FAULTS)
                freshet.start(ready=False, fault=f"{fault}={random.randint(1, 12)}")
                try:
                    wait_until(lambda: not freshet.running, 8)
                    deaths[fault] += 1
                    self.assertEqual(freshet.wait_exit(), -9)
                    continue
                except AssertionError:  # nothing was left to commit
                    pass
            else:
                freshet.start(ready=False)
            self.sleep(random.uniform(0.3, 2.0), freshet)
            freshet.kill()
            deaths["at a random moment"] += 1
        return deaths

    @staticmethod
    def sleep(seconds, freshet):
        """A life that ends by itself is an error, not a kill."""
        try:
            wait_until(lambda: not freshet.running, seconds)
        except AssertionError:
            return
        freshet.fail(f"it ended by itself with {freshet.process.returncode}")

    def test_twenty_kills_leave_no_trace(self):
        random = seed()
        with self.shop.process(SETTINGS).lives() as freshet:
            deaths = self.run_with_kills(freshet, random)
            left = self.shop.behind()
            freshet.start()
            self.shop.wait_caught_up(120)
            self.assertEqual(freshet.terminate(), 0)
            print(f"deaths {deaths}, {left} records left for the last life")
            check_exact(self, self.shop.read("recommendations"), self.expected)
            self.assertEqual(self.shop.read("dead-letter"), [])
            for (topic, partition), (committed, end) in self.shop.offsets().items():
                self.assertEqual(committed or 0, end, f"{topic}/{partition}")
            state = user_state(freshet)

        with self.calm.process(SETTINGS) as undisturbed:
            self.calm.wait_caught_up(120)
            self.assertEqual(undisturbed.terminate(), 0)
            check_exact(self, self.calm.read("recommendations"), self.expected)
            self.assertEqual(state, user_state(undisturbed))
        self.assertEqual(len(state), len({u["user_id"] for u in self.feed.users}))


if __name__ == "__main__":
    unittest.main(verbosity=2)
