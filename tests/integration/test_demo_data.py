"""What the project ships under deploy/demo fits the schemas and itself."""
# ctest: timeout=180

import gzip
import json
import unittest
from collections import Counter
from decimal import Decimal

import fastavro
from freshet_test import FILE_OF_TOPIC, ROOT, schema_text
from fastavro.validation import validate

DEMO = ROOT / "deploy" / "demo"


def lines(name):
    with gzip.open(DEMO / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def with_decimals(value):
    """Money is text in JSON lines; fastavro wants Decimals."""
    if isinstance(value, dict):
        return {k: Decimal(v) if k in ("price", "unit_price") and v is not None
                else with_decimals(v) for k, v in value.items()}
    return [with_decimals(v) for v in value] if isinstance(value, list) else value


class DemoData(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.catalog, cls.users, cls.events = map(lines, ("catalog", "users", "events"))
        cls.items = {item["item_id"] for item in cls.catalog}

    def test_every_record_fits_its_schema_and_has_no_other_field(self):
        schemas = {topic: fastavro.parse_schema(json.loads(schema_text(FILE_OF_TOPIC[topic])),
                                                named_schemas={})
                   for topic in ("catalog", "users", "clickstream", "orders")}
        fields = {topic: {f["name"] for f in schema["fields"]} for topic, schema in schemas.items()}
        records = [("catalog", r) for r in self.catalog] + [("users", r) for r in self.users]
        for topic, record in records + [(e["topic"], e["record"]) for e in self.events]:
            self.assertLessEqual(record.keys(), fields[topic])
            validate(with_decimals(record), schemas[topic], raise_errors=True)

    def test_events_are_in_the_order_of_time(self):
        times = [e["record"]["event_time"] for e in self.events]
        self.assertEqual(times, sorted(times))
        before = min(times)
        for row in self.catalog + self.users:
            self.assertLess(row["updated_time"], before)

    def test_event_ids_are_unique(self):
        ids = Counter((e["record"]["user_id"], e["record"]["event_id"]) for e in self.events)
        self.assertEqual(ids.most_common(1)[0][1], 1, ids.most_common(1))

    def test_all_that_is_named_is_known(self):
        users = {u["user_id"] for u in self.users}
        self.assertEqual(len(users), len(self.users))
        self.assertEqual(len(self.items), len(self.catalog))
        for event in self.events:
            record = event["record"]
            self.assertIn(record["user_id"], users)
            named = [line["item_id"] for line in record.get("lines", [])]
            named += [record["item_id"]] if "item_id" in record else []
            self.assertLessEqual(set(named), self.items)

    def test_every_order_is_a_cart_that_was_filled_before(self):
        carts = {}
        for event in self.events:
            record = event["record"]
            if record.get("type") == "ADD_TO_CART":
                carts.setdefault(record["session_id"], []).append(record["item_id"])
            elif record.get("status") == "PLACED":
                bought = [line["item_id"] for line in record["lines"]]
                self.assertEqual(carts.pop(f"s{record['order_id']}"), bought)
        self.assertEqual(carts, {})

    def test_items_have_names(self):
        for item in self.catalog:
            self.assertNotEqual(item["title"], item["item_id"])
            self.assertGreater(Decimal(item["price"]), 0)

    def test_it_stays_small(self):
        self.assertLess(sum(f.stat().st_size for f in DEMO.glob("*.gz")), 4_000_000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
