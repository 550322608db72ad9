"""A shop's real events, produced and read by clients that share no code with us, give one good
list each."""
# ctest: shared-kafka tsan timeout=180

import unittest
from collections import Counter

from freshet_test import Feed, Shop, check_lists, qualifying

N_EVENTS = 20_000
N_FIRST = 2_000  # the models have seen these before the others come


class Lists(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.feed = Feed(N_EVENTS)
        cls.shop = Shop(partitions=4)
        cls.addClassCleanup(cls.shop.close)
        cls.shop.create_topics()
        cls.shop.register_schemas()
        cls.feed.send_tables(cls.shop)
        with cls.shop.process({"workers": 2}) as freshet:
            cls.feed.send_events(cls.shop, end=N_FIRST)
            cls.shop.wait_caught_up()
            cls.feed.send_events(cls.shop, begin=N_FIRST)
            cls.shop.wait_caught_up(120)
            cls.live = {kind: freshet.metric("freshet_events_total", fate=kind)
                        for kind in ("live", "duplicate")}
            cls.lists_counted = freshet.metric("freshet_recommendations_total")
            assert freshet.terminate() == 0
        cls.expected = qualifying(cls.shop)
        cls.lists = cls.shop.read("recommendations")

    def test_each_qualifying_event_has_one_list_that_keeps_the_rules(self):
        self.assertEqual(len(self.expected), sum(
            e["record"].get("type") in ("VIEW", "ADD_TO_CART") for e in self.feed.events))
        self.assertGreater(len(self.expected), N_EVENTS * 0.9)
        check_lists(self, self.lists, self.expected, self.feed.hidden)

    def test_the_lists_are_worth_reading(self):
        """Else the test above would be true of a program that publishes empty lists."""
        sizes = Counter(len(r.data["items"]) for r in self.lists)
        self.assertGreater(sizes[20], len(self.lists) * 0.8, sizes)
        named = {item["item_id"] for r in self.lists for item in r.data["items"]}
        self.assertGreater(len(named), 500)
        self.assertIn(self.feed.popular[0], named)

    def test_hidden_items_are_asked_for(self):
        """The items that no list names are popular ones: hiding them is not for nothing."""
        viewed = {r.data["item_id"] for r in self.expected.values()}
        self.assertEqual(self.feed.hidden - viewed, set())
        self.assertEqual(len(self.feed.hidden), 39)

    def test_every_record_is_counted_once(self):
        tables = len(self.feed.catalog) + len(self.feed.hidden) + len(self.feed.users)
        self.assertEqual(self.live, {"live": N_EVENTS + tables, "duplicate": 0})
        self.assertGreater(self.lists_counted, 0)
        self.assertLessEqual(self.lists_counted, len(self.lists))

    def test_nothing_is_refused(self):
        self.assertEqual(self.shop.read("dead-letter"), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
