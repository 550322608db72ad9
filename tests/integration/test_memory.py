"""At full speed the process stays within its memory budget, and does not grow."""
# ctest: shared-kafka serial release timeout=300

import threading
import time
import unittest

from freshet_test import Feed, Shop

MIB = 1 << 20
BUDGET_MIB = 256
# What is not of the budget: the program and its libraries (39 MiB when idle), what the Kafka
# clients hold beside the queued bytes, and what malloc keeps between batches.
CONSTANT_MIB = 128
N_EVENTS = 150_000
N_TWINS = 4  # persons who do the same under names of their own


class Memory(unittest.TestCase):
    def test_six_hundred_thousand_events_at_full_speed(self):
        feed = Feed(N_EVENTS)
        shop = Shop(partitions=4)
        self.addCleanup(shop.close)
        shop.create_topics()
        shop.register_schemas()
        feed.send_tables(shop)
        for event in feed.events:
            record = event["record"]
            shop.send(event["topic"], [{**record, "user_id": f"{record['user_id']}-{twin}"}
                                       for twin in range(N_TWINS)], flush=False)
        shop.producer.flush()
        settings = {"workers": 2, "idle_after": "1h", "state": {"memory": f"{BUDGET_MIB}MiB"}}
        with shop.process(settings).lives() as freshet:
            samples = []  # resident bytes
            done = threading.Event()

            def watch():
                while not done.wait(0.05):
                    samples.append(freshet.rss_bytes())

            freshet.start(ready=False)
            watcher = threading.Thread(target=watch)
            begin = time.monotonic()
            watcher.start()
            try:
                shop.wait_caught_up(200)
            finally:
                done.set()
                watcher.join()
            seconds = time.monotonic() - begin
            live = freshet.metric("freshet_events_total", fate="live")
            self.assertEqual(freshet.terminate(), 0)
        third = len(samples) // 3  # the first one is the start: queues and caches fill
        middle, last = max(samples[third:2 * third]), max(samples[2 * third:])
        print(f"{live:.0f} events in {seconds:.1f} s, {len(samples)} samples; at most "
              f"{max(samples) / MIB:.0f} MiB resident: {middle / MIB:.0f} in the middle third, "
              f"{last / MIB:.0f} in the last")
        self.assertGreaterEqual(live, N_TWINS * N_EVENTS)
        self.assertGreater(len(samples), 30)
        self.assertLess(max(samples), (BUDGET_MIB * 1.1 + CONSTANT_MIB) * MIB)
        self.assertLess(last, middle * 1.25, "it grows")


if __name__ == "__main__":
    unittest.main(verbosity=2)
