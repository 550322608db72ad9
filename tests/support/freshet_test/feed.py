"""The real data of deploy/demo as input, and what must be true of the lists made from it."""

import gzip
import json
import re
from collections import Counter
from decimal import Decimal

from .cluster import ROOT
from .records import millis

DEMO = ROOT / "deploy" / "demo"
QUALIFYING = ("VIEW", "ADD_TO_CART")  # recommend.on by default
_VIEW = re.compile(rb"items:\d+,catalog:\d+(\.\d+)*")


def _lines(name, n=None):
    with gzip.open(DEMO / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line, parse_float=Decimal) for line, _ in zip(file, range(n or 1 << 60))]


def _with_decimals(value):
    """Money is text in JSON lines; fastavro wants Decimals."""
    if isinstance(value, dict):
        return {k: Decimal(v) if k in ("price", "unit_price") and v is not None
                else _with_decimals(v) for k, v in value.items()}
    return [_with_decimals(v) for v in value] if isinstance(value, list) else value


class Feed:
    """
    feed = Feed(20_000)             the first 20,000 events, all items, all users
    feed.send_tables(shop)          catalog and users, some popular items hidden
    feed.send_events(shop)          clickstream and orders, in the order of time
    feed.hidden                     item ids that no list may name
    """

    def __init__(self, n_events, n_hidden=40):
        self.catalog = _with_decimals(_lines("catalog"))
        self.users = _lines("users")
        self.events = _with_decimals(_lines("events", n_events))
        assert len(self.events) == n_events, f"deploy/demo has {len(self.events)} events"
        self.popular = [item for item, _ in Counter(
            e["record"]["item_id"] for e in self.events if "item_id" in e["record"]).most_common()]
        # Three ways to be gone, spread over the items that lists would name most.
        self.unavailable, self.sold_out, self.delisted = (
            set(self.popular[1:n_hidden:3]), set(self.popular[2:n_hidden:3]),
            set(self.popular[3:n_hidden:3]))
        self.hidden = self.unavailable | self.sold_out | self.delisted

    def send_tables(self, shop):
        shop.send("catalog", self.catalog, flush=False)
        shop.send("catalog", [{**item, "available": False} for item in self.catalog
                              if item["item_id"] in self.unavailable], flush=False)
        shop.send("catalog", [{**item, "stock": 0} for item in self.catalog
                              if item["item_id"] in self.sold_out], flush=False)
        for item in sorted(self.delisted):
            shop.send_raw("catalog", item, None)
        shop.send("users", self.users)

    def send_events(self, shop, begin=0, end=None):
        for event in self.events[begin:end]:
            shop.send(event["topic"], [event["record"]], flush=False)
        shop.producer.flush()


def sources(records):
    """How often each freshet.source occurs: Counter of "topic/partition/offset"."""
    return Counter(r.headers.get("freshet.source", b"none").decode() for r in records)


def qualifying(shop):
    """{source: record} of the clickstream events that ask for a list, read from the topic."""
    return {f"{r.topic}/{r.partition}/{r.offset}": r for r in shop.read("clickstream")
            if r.data["type"] in QUALIFYING}


def check_exact(test, lists, expected):
    """Exactly one list per expected event: nothing missing, nothing twice, nothing else."""
    found = sources(lists)
    twice = [source for source, n in found.items() if n > 1]
    missing = [source for source in expected if source not in found]
    foreign = [source for source in found if source not in expected]
    test.assertEqual((missing[:5], twice[:5], foreign[:5]), ([], [], []),
                     f"{len(missing)} missing, {len(twice)} more than once, {len(foreign)} for "
                     f"no event, of {len(expected)}")
    test.assertEqual(len(lists), len(expected))
    ids = {r.data["request_id"] for r in lists}
    test.assertEqual(len(ids), len(lists), "request_id must be unique")


def check_lists(test, lists, expected, hidden=frozenset(), k=20):
    """check_exact(), and each list fits its event, is sorted, names no item twice, at most k,
    and none that is not for sale."""
    check_exact(test, lists, expected)
    for record in lists:
        event = expected[record.headers["freshet.source"].decode()].data
        data, items = record.data, [item["item_id"] for item in record.data["items"]]
        scores = [item["score"] for item in data["items"]]
        test.assertRegex(record.headers["freshet.view"], _VIEW)
        test.assertEqual((record.user, data["user_id"], data["trigger_event_id"]),
                         (event["user_id"], event["user_id"], event["event_id"]))
        test.assertEqual(millis(data["event_time"]), millis(event["event_time"]))
        test.assertTrue(data["model"])
        test.assertLessEqual(len(items), k)
        test.assertEqual(len(set(items)), len(items), f"an item twice in {data}")
        test.assertEqual(scores, sorted(scores, reverse=True), "scores must fall")
        test.assertFalse(hidden.intersection(items), f"not for sale, in {record.headers}")


def reasons(dead_letters):
    """How often each reason occurs among dead letters."""
    return Counter(r.headers["freshet.error.reason"].decode() for r in dead_letters)
