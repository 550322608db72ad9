"""`load` publishes a file as the shop's own systems would; what does not fit is named, the rest
goes on; and what `inspect` shows of the result is the same whenever the state is."""
# ctest: shared-kafka timeout=180

import gzip
import json
import unittest
from decimal import Decimal

from freshet_test import Shop, freshet, make_folder

CLICK = {"event_id": "e1", "user_id": "anna", "type": "ADD_TO_CART", "item_id": "teapot",
         "event_time": 1_700_000_000_000, "price": "12.3456", "currency": "EUR"}


class Load(unittest.TestCase):
    def setUp(self):
        self.shop = Shop(partitions=3)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()
        self.folder = make_folder("load")

    def write(self, name, text):
        path = self.folder / name
        if name.endswith(".gz"):
            path.write_bytes(gzip.compress(text.encode()))
        else:
            path.write_text(text)
        return path

    def load(self, topic, path, *more, exit_code=0):
        config = self.folder / "shop.yaml"
        settings = self.shop.settings({"live": {"max_age": "0"}, "late": {"max": "3650d"}})
        config.write_text(json.dumps(settings))  # JSON is YAML
        done = freshet("load", "-c", config, "--topic", topic, "--from", path, "--json", *more,
                       check=False)
        self.assertEqual(done.returncode, exit_code, done.stderr)
        return json.loads(done.stdout) if done.stdout else None, done.stderr

    def test_json_lines_arrive_as_they_are(self):
        counts, _ = self.load("clickstream", self.write(
            "clicks.jsonl.gz", json.dumps(CLICK) + "\n\n" +
            json.dumps({**CLICK, "event_id": "e2", "price": 0.1, "quantity": 3,
                        "event_time": "2023-11-14T23:13:20+01:00"}) + "\n"))
        self.assertEqual((counts["delivered"], counts["refused"]), (2, 0))
        first, second = sorted(self.shop.read("clickstream"), key=lambda r: r.data["event_id"])
        self.assertEqual(first.data["price"], Decimal("12.3456"))
        self.assertEqual(second.data["price"], Decimal("0.1"))
        self.assertEqual(first.data["event_time"], second.data["event_time"])
        self.assertEqual(second.data["quantity"], 3)
        self.assertEqual(first.data["quantity"], 1)
        self.assertEqual(first.key, b"anna" if isinstance(first.key, bytes) else "anna")

    def test_keys_stand_where_other_clients_put_them(self):
        people = [f"person-{i}" for i in range(50)]
        self.load("clickstream", self.write("clicks.jsonl", "".join(
            json.dumps({**CLICK, "event_id": p, "user_id": p}) + "\n" for p in people)))
        ours = {r.key: r.partition for r in self.shop.read("clickstream")}
        self.shop.send("orders", [
            {"event_id": p, "order_id": p, "user_id": p, "status": "PLACED",
             "event_time": 1_700_000_000_000, "currency": "EUR", "lines": []} for p in people])
        theirs = {r.key: r.partition for r in self.shop.read("orders")}
        self.assertEqual(ours, theirs)
        self.assertEqual(len(set(ours.values())), 3)

    def test_bad_lines_are_named_and_the_rest_goes_on(self):
        lines = [json.dumps(CLICK), "{", json.dumps({**CLICK, "type": "LOOK"}),
                 json.dumps({**CLICK, "price": "1.23456"}), json.dumps({**CLICK, "user_id": ""}),
                 json.dumps({**CLICK, "colour": "red"}), json.dumps({**CLICK, "event_id": "e9"})]
        path = self.write("clicks.jsonl", "\n".join(lines))
        counts, said = self.load("clickstream", path)
        self.assertEqual((counts["delivered"], counts["refused"]), (2, 5))
        for number, reason in ((2, "JSON"), (3, "'LOOK'"), (4, "1.23456"), (5, "user_id"),
                               (6, "colour")):
            self.assertRegex(said, rf"{path}:{number}: .*{reason}")
        self.assertEqual({r.data["event_id"] for r in self.shop.read("clickstream")},
                         {"e1", "e9"})

    def test_nothing_that_fits_is_a_failure(self):
        counts, said = self.load("clickstream", self.write("bad.jsonl", "x\n"), exit_code=1)
        self.assertEqual(counts["delivered"], 0)
        self.assertIn("nothing was published", said)

    def test_a_table_comes_through_a_mapping(self):
        table = self.write("retail.csv", (
            "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
            '536365,85123A,"HOLDER, WHITE",6,2010-12-01 08:26:00,2.55,17850,United Kingdom\n'
            "C536379,D,Discount,-1,2010-12-01 09:41:00,27.50,14527,United Kingdom\n"
            "536370,22728,CLOCK,24,1.12.2010,3.75,12583,France\n"))
        counts, said = self.load("clickstream", table, "--mapping", "deploy/mappings/retail.yaml")
        self.assertEqual([counts[k] for k in ("delivered", "refused", "left_out")], [1, 1, 1])
        self.assertIn(f"{table}:4: event_time: '1.12.2010'", said)
        [record] = self.shop.read("clickstream")
        self.assertEqual(record.data["event_id"], "536365-2")
        self.assertEqual(record.data["price"], Decimal("2.55"))
        self.assertEqual(record.data["attributes"], {"country": "United Kingdom"})

    def test_what_makes_no_sense_publishes_nothing(self):
        path = self.write("clicks.jsonl", json.dumps(CLICK))
        _, said = self.load("clicks", path, exit_code=1)
        self.assertIn("there are clickstream, orders", said)
        _, said = self.load("clickstream", self.folder / "none.jsonl", exit_code=1)
        self.assertIn("none.jsonl", said)
        _, said = self.load("orders", path, "--mapping", "deploy/mappings/retail.yaml",
                            exit_code=1)
        self.assertIn("--topic says 'orders'", said)
        _, said = self.load("clickstream", path, "--set", f"topics.clickstream={self.shop.app}-x",
                            exit_code=1)
        self.assertIn("does not exist", said)
        self.assertEqual(self.shop.read("clickstream"), [])

    def test_inspect_shows_the_state_and_always_the_same(self):
        self.load("clickstream", self.write("clicks.jsonl", json.dumps(CLICK) + "\n" + json.dumps(
            {**CLICK, "event_id": "e2", "user_id": "bob", "type": "VIEW"})))
        with self.shop.process({"live": {"max_age": "0"}, "late": {"max": "3650d"}}) as process:
            self.shop.wait_caught_up()
            features = process.get("/v1/users/anna/features").json()
            self.assertEqual(process.terminate(), 0)
            first = process.command("inspect", "--all").stdout
            self.assertEqual(process.command("inspect", "--all").stdout, first)
            one = process.command("inspect", "--user", "anna").stdout
            offsets = process.command("inspect", "--offsets").stdout
        people = {p["user_id"]: p for p in map(json.loads, first.splitlines())}
        self.assertEqual(set(people), {"anna", "bob"})
        self.assertEqual(people["anna"]["cart"]["lines"][0]["price"], "12.3456")
        self.assertIn(one, first)
        self.assertEqual(features["cart"], people["anna"]["cart"])
        self.assertEqual(sum(json.loads(line)["next"]["clickstream"]
                             for line in offsets.splitlines()), 2)


if __name__ == "__main__":
    unittest.main(verbosity=2)
