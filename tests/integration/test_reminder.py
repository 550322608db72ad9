"""Somebody filled a cart and left: the reminder leaves by a move of the clock alone, and once,
whatever happens to the process around its commit; or it does not leave, and `suppressed` says why."""
# ctest: shared-kafka timeout=300

import unittest
from collections import Counter

from freshet_test import (Shop, catalog_item, click, consent, make_folder, now_ms, order, seed, user,
                          wait_until)

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
N_PEOPLE = 60
CHANNELS = ("push", "email")

CAMPAIGN = """
campaign: cart_test
purpose: marketing
trigger: {type: cart_abandonment, quiet: %s, steps: [0h], min_value: 1.00}
channels: [push, email]
templates: {push: cart_push, email: cart_email}
quiet_hours: {from: "00:00", to: "00:00"}
unsubscribe_url: https://shop.example/unsubscribe
vars: {shop_name: Example Shop, cart_url: "https://shop.example/cart"}
"""


class Reminders(unittest.TestCase):
    def setUp(self):
        self.random = seed()
        self.shop = Shop(partitions=4)
        self.addCleanup(self.shop.close)
        self.shop.create_topics()
        self.shop.register_schemas()
        self.people = [f"p{self.random.randrange(10**9)}" for _ in range(N_PEOPLE)]

    def settings(self, quiet="1s", idle_after="500ms", **changes):
        """A campaign without nights, caps of a day or holdouts of its own."""
        folder = make_folder("campaigns")
        (folder / "cart.yaml").write_text(CAMPAIGN % quiet)
        return {"workers": 1, "idle_after": idle_after, "campaigns": {"dir": str(folder)},
                # A dead member is missed after 3 s, its open transaction after 4 s.
                "kafka": {"consumer": {"session.timeout.ms": 3000, "heartbeat.interval.ms": 500},
                          "producer": {"transaction.timeout.ms": 4000}}, **changes}

    def send_carts(self, people=None, channels=("PUSH", "EMAIL"), time=None):
        """Consents, and a cart of one teapot each; the carts' events."""
        people = self.people if people is None else people
        self.shop.send("catalog", [catalog_item("teapot", "Blue Teapot", time=now_ms() - DAY_MS)])
        self.shop.send("users", [user(p, [consent(c, time=now_ms() - DAY_MS) for c in channels],
                                      time=now_ms() - DAY_MS, locale="en-GB") for p in people])
        carts = {p: click(p, "teapot", "ADD_TO_CART", price="9.99", time=time) for p in people}
        self.shop.send("clickstream", carts.values())
        return carts

    def decisions(self):
        """{(person, channel): [what became of the reminder]}: "sent", or the reason."""
        found = {}
        for channel in CHANNELS:
            for record in self.shop.read(f"content.{channel}"):
                found.setdefault((record.user, channel), []).append("sent")
        for record in self.shop.read("suppressed"):
            found.setdefault((record.user, record.data["channel"].lower()),
                             []).append(record.data["reason"])
        return found

    def wait_decided(self, n, timeout=60):
        wait_until(lambda: len(self.decisions()) >= n, timeout, f"{n} decisions", every=0.5)

    def check_once(self, people=None, otherwise=("holdout_global",)):
        """For each person and channel exactly one decision, nearly always a message."""
        people = self.people if people is None else people
        decisions = self.decisions()
        self.assertEqual(set(decisions), {(p, c) for p in people for c in CHANNELS})
        self.assertEqual({key: d for key, d in decisions.items() if len(d) != 1}, {})
        kinds = Counter(d[0] for d in decisions.values())
        self.assertLessEqual(set(kinds), {"sent", *otherwise})
        self.assertGreater(kinds["sent"], len(decisions) // 2)
        records = [r for name in ("content.push", "content.email", "suppressed")
                   for r in self.shop.read(name)]
        ids = Counter(r.data["message_id"] for r in records)
        self.assertEqual(ids.most_common(1)[0][1], 1)
        return records

    def run_until_carts_are_known(self, freshet):
        """A life in which no clock moves by itself; killed, as everything here."""
        freshet.start("--set", "idle_after=1h")
        self.shop.wait_caught_up()
        self.assertEqual(self.decisions(), {})
        freshet.kill()

    def test_reminders_leave_by_the_clock_alone(self):
        carts = self.send_carts()
        buyers = [f"buyer{i}" for i in range(20)]
        self.send_carts(buyers)
        self.shop.send("orders", [order(p, [("teapot", 1, "9.99")]) for p in buyers])
        silent = [f"silent{i}" for i in range(20)]
        self.send_carts(silent, channels=())
        with self.shop.process(self.settings()) as freshet:
            self.wait_decided(2 * (N_PEOPLE + len(silent)))
            counted = {outcome: freshet.metric("freshet_messages_total", outcome=outcome)
                       for outcome in ("sent", "suppressed")}
            self.assertEqual(freshet.terminate(), 0)
        decisions = self.decisions()
        for person in silent:
            self.assertEqual([decisions.pop((person, channel)) for channel in CHANNELS],
                             [["no_consent"], ["no_consent"]])
        self.assertEqual(set(decisions), {(p, c) for p in self.people for c in CHANNELS})
        self.assertEqual(Counter(len(d) for d in decisions.values()), {1: 2 * N_PEOPLE})
        kinds = Counter(d[0] for d in decisions.values())
        self.assertLessEqual(set(kinds), {"sent", "holdout_global"})
        self.assertEqual(counted, {"sent": kinds["sent"],
                                   "suppressed": kinds["holdout_global"] + 2 * len(silent)})
        self.check_texts(carts)

    def check_texts(self, carts):
        ids = set()
        for channel in CHANNELS:
            for record in self.shop.read(f"content.{channel}"):
                data, cart = record.data, carts[record.user]
                ids.add(data["message_id"])
                self.assertEqual(data["trigger"]["instance"], cart["event_id"])
                self.assertIn("Blue Teapot", data["body" if channel == "push" else "text"])
                self.assertIn("9.99", data["body" if channel == "push" else "text"])
                self.assertEqual([item["item_id"] for item in data["items"]], ["teapot"])
                # No record caused it: the journal's transaction did, in which the clock moved.
                self.assertRegex(record.headers["freshet.source"], rb"^journal/[0-3]/[0-9]+$")
                self.assertIn("freshet.view", record.headers)
        self.assertGreater(len(ids), N_PEOPLE)

    def test_a_process_killed_around_the_commit_sends_once(self):
        self.send_carts()
        with self.shop.process(self.settings()).lives() as freshet:
            self.run_until_carts_are_known(freshet)
            # One transaction per task: four commits in all, so each of these is reached.
            for fault in ("kill_before_commit=1", "kill_after_commit=1", "kill_before_commit=2",
                          "kill_before_cache=1"):
                freshet.start(ready=False, fault=fault)
                wait_until(lambda: not freshet.running, 40, f"the end by {fault}")
                self.assertEqual(freshet.wait_exit(), -9)
            before = len(self.decisions())
            self.assertLess(before, 2 * N_PEOPLE)
            freshet.start()
            self.wait_decided(2 * N_PEOPLE)
            self.assertEqual(freshet.terminate(), 0)
        self.check_once()

    def stop_and_take_over(self, fault, other_instance):
        """The first process stops itself at the fault, another takes its tasks over and sends;
        then the first wakes up, a zombie. The exit codes of both, None of those that run on."""
        self.send_carts()
        settings = self.settings()
        with self.shop.process({**settings, "instance": "one"}).lives() as zombie, \
                self.shop.process({**settings, "instance": other_instance}).lives() as heir:
            self.run_until_carts_are_known(zombie)
            zombie.start(ready=False, fault=f"{fault}=1")
            zombie.wait_stopped()
            heir.start(ready=False)
            self.wait_decided(2 * N_PEOPLE)
            zombie.resume()
            both = (zombie, heir)
            try:  # whatever it comes to is clear within some heartbeats and session timeouts
                wait_until(lambda: not all(p.running for p in both), 15)
            except AssertionError:
                pass
            self.check_once()
            self.shop.send("clickstream", [click(p, "teapot") for p in self.people])
            self.shop.wait_caught_up()  # the group works, whoever is in it
            codes = [None if p.running else p.wait_exit() for p in both]
            for process in both:
                if process.running:
                    self.assertEqual(process.terminate(), 0)
            logs = zombie.log() + heir.log()
        self.check_once()
        lists = self.shop.read("recommendations")
        self.assertEqual(len({r.headers["freshet.source"] for r in lists}), len(lists))
        self.assertEqual(len(lists), 2 * N_PEOPLE)
        return codes, logs

    def test_a_process_stopped_before_the_commit_writes_nothing_when_it_wakes(self):
        """It has lost its tasks, no more: it goes on as a member of the group."""
        codes, _ = self.stop_and_take_over("stop_before_commit", "two")
        self.assertEqual(codes, [None, None])

    def test_a_process_stopped_after_the_commit_writes_nothing_when_it_wakes(self):
        codes, _ = self.stop_and_take_over("stop_after_commit", "two")
        self.assertEqual(codes, [None, None])

    def test_of_two_processes_of_one_name_one_ends_and_the_other_works(self):
        codes, logs = self.stop_and_take_over("stop_before_commit", "one")
        self.assertEqual(sorted(codes, key=str), [1, None])
        self.assertIn(f"another process runs as '{self.shop.app}-one-0'; give each instance a name",
                      logs)

    def test_a_year_of_old_carts_reminds_nobody(self):
        begin = now_ms() - 365 * DAY_MS
        self.send_carts(self.people, time=begin)
        visits = 3
        for visit in range(1, visits):
            for number, person in enumerate(self.people):
                time = begin + visit * 120 * DAY_MS + number * HOUR_MS
                self.shop.send("clickstream", [click(person, "teapot", "ADD_TO_CART", time=time)],
                               flush=False)
                if number % 2:  # these bought it
                    self.shop.send("orders", [order(person, [("teapot", 1, "9.99")],
                                                    time=time + 60_000)], flush=False)
        # Today somebody looks around in every partition: the clocks jump over the year.
        self.shop.send("clickstream", [click(f"today{i}", "teapot") for i in range(40)])
        with self.shop.process({**self.settings(quiet="45m"), "live": {"max_age": "6h"}}) as freshet:
            self.shop.wait_caught_up()
            self.assertEqual(freshet.terminate(), 0)
        decisions = self.decisions()
        self.assertEqual([self.shop.read(f"content.{channel}") for channel in CHANNELS], [[], []])
        self.assertEqual(set(decisions), {(p, c) for p in self.people for c in CHANNELS})
        for number, person in enumerate(self.people):
            for channel in CHANNELS:
                reasons = decisions[person, channel]
                self.assertLessEqual(set(reasons), {"expired", "holdout_global"})
                self.assertEqual(len(reasons), 1 if number % 2 else visits)
        self.assertGreater(sum(d.count("expired") for d in decisions.values()), 2 * N_PEOPLE)


if __name__ == "__main__":
    unittest.main(verbosity=2)
