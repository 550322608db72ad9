"""A broker or registry that is away is waited for: nothing ends, grows or is lost, and it goes on by
itself."""
# ctest: timeout=300

import time
import unittest

from freshet_test import (Door, Feed, Producer, Shop, catalog_item, check_exact, click, own_cluster,
                          qualifying, register, schema_text, sources, wait_until)

SECONDS_AWAY = 20
SECONDS_TO_STOP = 40
MIB = 1 << 20
N_EVENTS = 12_000


def missing(freshet):
    """(status of /readyz, what it says is missing)"""
    answer = freshet.get("/readyz")
    return answer.status_code, answer.json()["missing"] or ""


class BrokerAway(unittest.TestCase):
    def setUp(self):
        self.cluster = own_cluster()
        self.addCleanup(self.cluster.close)
        self.shop = Shop(self.cluster, partitions=4)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()
        # Sends again what a dying broker did not answer, and yet nothing twice.
        self.shop.use_producer(Producer(self.cluster, **{"enable.idempotence": True}))
        self.feed = Feed(N_EVENTS)
        self.feed.send_tables(self.shop)

    def test_a_broker_away_for_twenty_seconds_under_load(self):
        with self.shop.process({"workers": 2, "idle_after": "1h"}) as freshet:
            self.feed.send_events(self.shop, end=N_EVENTS // 2)
            wait_until(lambda: self.shop.read("recommendations", decode=False), 30, "lists")
            self.cluster.broker.stop()
            begin = time.monotonic()
            for event in self.feed.events[N_EVENTS // 2:]:  # they wait in the shop's own queue
                self.shop.send(event["topic"], [event["record"]], flush=False)
            wait_until(lambda: missing(freshet)[0] == 503, 10, "/readyz to say 503")
            self.assertIn("broker does not answer", missing(freshet)[1])
            rss = freshet.rss_bytes()
            while time.monotonic() - begin < SECONDS_AWAY:
                time.sleep(0.5)
                self.assertTrue(freshet.running)
                self.assertEqual(freshet.get("/healthz").status_code, 200)
            self.assertEqual(missing(freshet)[0], 503)
            self.assertLess(freshet.rss_bytes() - rss, 64 * MIB)
            self.cluster.broker.start()
            self.shop.producer.flush()
            self.shop.wait_caught_up(120)
            freshet.wait_ready()
            self.assertEqual(freshet.terminate(), 0)
        check_exact(self, self.shop.read("recommendations"), qualifying(self.shop))
        self.assertEqual(self.shop.read("dead-letter"), [])

    def test_a_stop_without_a_broker_ends_and_loses_nothing(self):
        with self.shop.process({"workers": 2, "idle_after": "1h"}) as freshet:
            self.feed.send_events(self.shop)
            wait_until(lambda: self.shop.read("recommendations", decode=False), 30, "lists")
            # Not kill -9: a lone broker of 4.4.0 killed in the middle of a commit is elected
            # twice at its next start and then never writes the markers of that transaction.
            self.cluster.broker.stop()
            begin = time.monotonic()
            self.assertEqual(freshet.terminate(SECONDS_TO_STOP), 0)
            print(f"stopped after {time.monotonic() - begin:.1f} s without a broker")
            self.cluster.broker.start()
            freshet.start()
            self.shop.wait_caught_up(120)
            self.assertEqual(freshet.terminate(), 0)
        check_exact(self, self.shop.read("recommendations"), qualifying(self.shop))


class RegistryAway(unittest.TestCase):
    def setUp(self):
        self.cluster = own_cluster()
        self.addCleanup(self.cluster.close)
        self.shop = Shop(self.cluster, partitions=2)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()
        text = schema_text("click_event").replace(
            '"fields": [', '"fields": [{"name": "mood", "type": "string", "default": ""},', 1)
        self.new_id = register(self.cluster.registry_url,
                               f"{self.shop.topic('clickstream')}-value", text)
        self.shop.codec.add(self.new_id, text)
        # freshet reaches the registry through a door; the test has its own way.
        self.door = Door(self.cluster.registry.port)
        self.addCleanup(self.door.shut)
        self.settings = {"workers": 1, "registry": {"url": self.cluster.registry_url.replace(
            str(self.cluster.registry.port), str(self.door.port))}}

    def people(self):
        """Somebody of partition 0, somebody of partition 1."""
        found = {}
        for number in range(20):
            person = f"p{number}"
            self.shop.send("clickstream", [click(person, "teapot")])
            found[self.shop.producer.placed[-1][1]] = person
        return found[0], found[1]

    def lists(self):
        """{partition of the cause: number of lists}"""
        found = {0: 0, 1: 0}
        for source in sources(self.shop.read("recommendations", decode=False)):
            found[int(source.split("/")[1])] += 1
        return found

    def test_what_is_cached_goes_on_and_a_new_schema_waits_for_its_answer(self):
        self.shop.send("catalog", [catalog_item("teapot")])
        waiting, other = self.people()
        with self.shop.process(self.settings) as freshet:
            self.shop.wait_caught_up()
            before = self.lists()
            self.door.shut()
            self.shop.send("clickstream", [click(waiting, "teapot"), click(other, "teapot")])
            wait_until(lambda: self.lists() == {0: before[0] + 1, 1: before[1] + 1}, 20,
                       "lists for events whose schema is cached")

            new = self.shop.codec.encode(self.new_id, {**click(waiting, "cup"), "mood": "good"})
            self.shop.send_raw("clickstream", waiting, new)
            self.shop.send("clickstream", [click(waiting, "teapot") for _ in range(5)]
                           + [click(other, "teapot") for _ in range(5)])
            wait_until(lambda: self.lists()[1] == before[1] + 6, 20, "the other partition to go on")
            wait_until(lambda: missing(freshet)[0] == 503, 20, "/readyz to say 503")
            self.assertIn("registry", missing(freshet)[1])
            self.assertEqual(self.lists()[0], before[0] + 1, "what waits is passed over")
            self.assertEqual(freshet.metric("freshet_consumer_lag", partition="0"), 6)

            self.door.open()
            self.shop.wait_caught_up()
            freshet.wait_ready()
            self.assertEqual(freshet.terminate(), 0)
        check_exact(self, self.shop.read("recommendations"), qualifying(self.shop))
        self.assertEqual(self.shop.read("dead-letter"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
