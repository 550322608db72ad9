"""What cannot work ends the start: exit 1 and one sentence that names the thing and the remedy."""
# ctest: shared-kafka timeout=180

import json
import re
import unittest

import requests
from confluent_kafka import Consumer, TopicPartition
from freshet_test import Door, Shop, click, free_port, make_folder, register, wait_until


class Start(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = Shop(partitions=2)
        cls.addClassCleanup(cls.shop.close)
        cls.shop.create_topics()
        cls.shop.register_schemas()

    def refused(self, changes, *words, text=None):
        """A start with these settings (text: put behind the file) ends with 1 and a sentence."""
        freshet = self.shop.process(changes)
        if text:
            freshet.config.write_text(freshet.config.read_text() + text)
        freshet.start(ready=False)
        self.assertEqual(freshet.wait_exit(30), 1)
        said = [line for line in freshet.log().splitlines() if line.startswith("freshet: ")]
        self.assertEqual(len(said), 1, freshet.log())
        for word in words:
            self.assertIn(word, said[0])
        return freshet

    def wait_for_word(self, freshet, word):
        """Until /readyz says 503 and the word."""
        def said():
            try:
                answer = freshet.get("/readyz")
            except requests.RequestException:  # it does not listen yet
                return False
            return answer.status_code == 503 and word in answer.json()["missing"]
        wait_until(said, 30, f"/readyz to speak of the {word}")

    def test_an_unknown_setting_names_its_line_and_the_nearest_one(self):
        freshet = self.refused({}, "freshet.yaml:", "wrokers", "workers", text="wrokers: 2\n")
        line = 1 + freshet.config.read_text().splitlines().index("wrokers: 2")
        self.assertIn(f"freshet.yaml:{line}", freshet.log())
        self.assertFalse((freshet.folder / "state").exists(), "nothing was begun")

    def test_broken_yaml_names_its_line(self):
        freshet = self.refused({}, "freshet.yaml:", text="state: [\n")
        self.assertFalse((freshet.folder / "state").exists(), "nothing was begun")

    def test_a_broken_campaign_names_file_line_and_key(self):
        folder = make_folder("campaigns")
        (folder / "cart.yaml").write_text("campaign: c\npurpose: marketing\nchanels: [push]\n")
        self.refused({"campaigns": {"dir": str(folder)}}, "cart.yaml:3", "chanels", "channels")

    def test_a_missing_topic_is_named_with_the_command_that_makes_it(self):
        self.refused({"topics": {"orders": f"{self.shop.app}.nowhere"}},
                     f"{self.shop.app}.nowhere", "topics create")

    def test_unequal_partition_counts_are_refused(self):
        with Shop(cluster=self.shop.cluster, partitions=3) as other:
            other.create_topics()
            self.refused({"topics": {"reviews": other.topic("reviews")}}, "partitions",
                         other.topic("reviews"))

    def test_a_group_ahead_of_the_state_would_send_twice(self):
        with Shop(cluster=self.shop.cluster, partitions=2) as other:
            other.create_topics()
            other.register_schemas()
            other.send("clickstream", [click("anna", "teapot")])
            consumer = Consumer({"bootstrap.servers": other.cluster.bootstrap,
                                 "group.id": other.app})
            try:
                consumer.commit(offsets=[TopicPartition(other.topic("clickstream"), p, 1)
                                         for p in range(2)], asynchronous=False)
            finally:
                consumer.close()
            freshet = other.process()
            freshet.start(ready=False)
            self.assertEqual(freshet.wait_exit(60), 1)
            self.assertIn(f"group '{other.app}' has committed offset 1", freshet.log())
            self.assertIn("would send lists twice", freshet.log())
            self.assertEqual(other.read("recommendations"), [])

    def test_a_state_folder_of_another_app_is_left_alone(self):
        freshet = self.shop.process()
        with freshet:
            self.assertEqual(freshet.terminate(), 0)
        with Shop(cluster=self.shop.cluster, partitions=2) as other:
            other.create_topics()
            settings = other.settings({"state": {"dir": str(freshet.folder / "state")}})
            self.refused(settings, str(freshet.folder / "state"), self.shop.app)

    def test_a_state_folder_in_use_is_refused(self):
        with self.shop.process() as freshet:
            self.refused({"state": {"dir": str(freshet.folder / "state")},
                          "instance": "another"}, "in use")
            self.assertTrue(freshet.is_ready(), "the one that has it goes on")
            self.assertEqual(freshet.terminate(), 0)

    def test_a_busy_http_port_is_named(self):
        with self.shop.process() as freshet:
            listen = f"127.0.0.1:{freshet.http_port}"
            self.refused({"http": {"listen": listen}}, listen)

    def test_an_incompatible_schema_at_the_registry_is_named(self):
        with Shop(cluster=self.shop.cluster, partitions=2) as other:
            other.create_topics()
            schema = {"type": "record", "name": "Recommendation", "namespace": "freshet",
                      "fields": [{"name": "request_id", "type": "int"},
                                 {"name": "new", "type": "string"}]}
            subject = f"{other.topic('recommendations')}-value"
            register(other.cluster.registry_url, subject, json.dumps(schema))
            self.refused(other.settings(), subject)

    def test_a_broker_that_is_away_is_waited_for(self):
        port = free_port()
        with self.shop.process({"kafka": {"bootstrap.servers": f"127.0.0.1:{port}"}}).lives() as p:
            p.start(ready=False)
            self.wait_for_word(p, "broker")
            self.assertTrue(p.running)
            self.assertEqual(p.terminate(20), 0)

    def test_a_registry_that_is_away_is_waited_for(self):
        door = Door(int(self.shop.cluster.registry_url.split(":")[2].split("/")[0]))
        door.shut()
        url = re.sub(r":\d+/", f":{door.port}/", self.shop.cluster.registry_url)
        with self.shop.process({"registry": {"url": url}}).lives() as p:
            p.start(ready=False)
            self.wait_for_word(p, "registry")
            self.assertEqual(p.terminate(20), 0)
            p.start(ready=False)
            self.wait_for_word(p, "registry")
            door.open()
            p.wait_ready()
            self.assertEqual(p.terminate(), 0)
        door.shut()


if __name__ == "__main__":
    unittest.main(verbosity=2)
