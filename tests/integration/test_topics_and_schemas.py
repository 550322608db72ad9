"""`topics` and `schemas` make what a shop needs, find what is not so, and say what to do about it."""
# ctest: shared-kafka timeout=180

import json
import unittest

from confluent_kafka.admin import ConfigResource, NewPartitions
from freshet_test import Producer, Shop, create_topics, delete_topics, freshet, wait_until
from freshet_test.process import yaml_text
from freshet_test.shop import FILE_OF_TOPIC
from freshet_test.waiting import make_folder
from freshet_test.wire import register, schema_text

DAY_MS = 86_400_000
TASK_TOPICS = ["users", "clickstream", "orders", "reviews", "engagement"]


class TopicsAndSchemas(unittest.TestCase):
    def setUp(self):
        self.shop = Shop(partitions=3)
        self.addCleanup(self.shop.close)
        self.file = make_folder("settings") / "shop.yaml"
        self.file.write_text(yaml_text(self.shop.settings(
            {"topics": {"partitions": 3, "replication": 1}})) + "\n")

    def run_command(self, *arguments, exit_code=0):
        done = freshet(*arguments, "-c", self.file, check=False)
        self.assertEqual(done.returncode, exit_code, done.stderr + done.stdout)
        return done

    def check(self, exit_code):
        return self.run_command("topics", "check", exit_code=exit_code).stdout.splitlines()

    def config(self, topic):
        [answer] = self.shop.cluster.admin.describe_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, topic)]).values()
        return {name: entry.value for name, entry in answer.result(10).items()}

    def partitions(self, topic):
        return len(self.shop.cluster.admin.list_topics(topic, timeout=10).topics[topic].partitions)

    def test_an_empty_broker_lacks_all_and_create_makes_all(self):
        lines = self.check(1)
        self.assertEqual(len(lines), 19)
        self.assertIn(f"wrong: topic {self.shop.topic('orders')} is missing; make it with "
                      "`freshet topics create`, or name the one you have in topics.orders", lines)

        made = [json.loads(line) for line in
                self.run_command("topics", "create", "--json").stdout.splitlines()]
        self.assertEqual({row["result"] for row in made}, {"created"})
        self.assertEqual(self.check(0), [])
        again = self.run_command("topics", "create").stdout.splitlines()
        self.assertEqual(len(again), 19)
        self.assertTrue(all(line.startswith("exists") for line in again))

        for name in TASK_TOPICS:
            self.assertEqual(self.partitions(self.shop.topic(name)), 3)
        self.assertEqual(self.partitions(self.shop.internal("changelog")), 3)
        self.assertEqual(self.partitions(self.shop.internal("items")), 1)
        self.assertEqual(self.partitions(self.shop.internal("items-table")), 1)
        clicks = self.config(self.shop.topic("clickstream"))
        self.assertEqual(clicks["cleanup.policy"], "delete")
        self.assertEqual(int(clicks["retention.ms"]), 30 * DAY_MS)
        users = self.config(self.shop.topic("users"))
        self.assertEqual(users["cleanup.policy"], "compact")
        self.assertEqual(int(users["min.compaction.lag.ms"]), 30 * DAY_MS)
        changelog = self.config(self.shop.internal("changelog"))
        self.assertEqual(changelog["cleanup.policy"], "compact")
        self.assertEqual(int(changelog["delete.retention.ms"]), 7 * DAY_MS)
        dead_letter = self.config(self.shop.topic("dead-letter"))
        self.assertEqual(int(dead_letter["max.message.bytes"]),
                         int(clicks["max.message.bytes"]) + 65536)

    def test_create_follows_the_partitions_that_are_there(self):
        create_topics(self.shop.cluster, {self.shop.topic("clickstream"): 5})
        self.run_command("topics", "create")
        for name in TASK_TOPICS:
            self.assertEqual(self.partitions(self.shop.topic(name)), 5)
        self.assertEqual(self.partitions(self.shop.internal("journal")), 5)

    def test_differences_are_said_one_by_one(self):
        self.run_command("topics", "create")
        orders, items = self.shop.topic("orders"), self.shop.internal("items")
        for topic, n in ((orders, 4), (items, 2)):
            [done] = self.shop.cluster.admin.create_partitions([NewPartitions(topic, n)]).values()
            done.result(10)
        delete_topics(self.shop.cluster, [self.shop.topic("users")])
        wait_until(lambda: self.partitions(orders) == 4 and self.partitions(items) == 2, 20,
                   "the new partitions")
        lines = self.check(1)
        self.assertEqual(len(lines), 3, lines)
        self.assertIn(f"topic {self.shop.topic('users')} is missing", lines[0])
        self.assertIn(f"topic {orders} has 4 partitions and {self.shop.topic('clickstream')} has 3",
                      lines[1])
        self.assertIn(f"topic {items} has 2 partitions and must have one", lines[2])

    def test_keys_of_another_partitioner_are_found(self):
        self.run_command("topics", "create")
        crc, ours = Producer(self.shop.cluster, partitioner="consistent"), self.shop.producer
        for i in range(200):
            crc.send(self.shop.topic("orders"), f"user {i}", b"any value")
            ours.send(self.shop.topic("reviews"), f"user {i}", b"any value")
        crc.flush()
        ours.flush()
        [line] = self.check(1)
        self.assertRegex(line, rf"^differs: topic {self.shop.topic('orders')}: \d+ of the newest "
                               r"200 keys are not where murmur2 puts them \(partition \d has one\)")

    def test_schemas_are_registered_as_the_files_say(self):
        lines = self.run_command("schemas", "check").stdout.splitlines()
        self.assertEqual({line.split()[0] for line in lines}, {"compatible"})
        rows = [json.loads(line) for line in
                self.run_command("schemas", "register", "--json").stdout.splitlines()]
        self.assertEqual({row["subject"] for row in rows},
                         {f"{self.shop.topic(name)}-value" for name in FILE_OF_TOPIC})
        ids = {row["subject"]: row["id"] for row in rows}
        for name, file in FILE_OF_TOPIC.items():  # registering the file again gives the same id
            subject = f"{self.shop.topic(name)}-value"
            self.assertEqual(register(self.shop.cluster.registry_url, subject, schema_text(file)),
                             ids[subject])
        checked = [json.loads(line) for line in
                   self.run_command("schemas", "check", "--json").stdout.splitlines()]
        self.assertEqual({row["subject"]: row["id"] for row in checked}, ids)

    def test_an_incompatible_schema_is_refused_and_the_others_go_on(self):
        subject = f"{self.shop.topic('orders')}-value"
        register(self.shop.cluster.registry_url, subject, json.dumps(
            {"type": "record", "name": "OrderEvent", "namespace": "freshet",
             "fields": [{"name": "event_id", "type": "long"}]}))
        done = self.run_command("schemas", "check", exit_code=1)
        self.assertIn(f"subject {subject}: the schema is not compatible", done.stderr)
        self.assertEqual(len(done.stdout.splitlines()), 14)
        done = self.run_command("schemas", "register", exit_code=1)
        self.assertEqual([line.split()[0] for line in done.stdout.splitlines()].count("registered"),
                         13)


if __name__ == "__main__":
    unittest.main(verbosity=2)
