"""What cannot work ends the start: exit 1 and one sentence that names the thing and the remedy."""
# ctest: shared-kafka timeout=180

import json
import time
import unittest

import requests
from freshet_test import Shop, free_port, register


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

    def test_an_unknown_setting_names_its_line_and_the_nearest_one(self):
        self.refused({}, "freshet.yaml:", "wrokers", "workers", text="wrokers: 2\n")

    def test_broken_yaml_names_its_line(self):
        self.refused({}, "freshet.yaml:", text="state: [\n")

    def test_a_missing_topic_is_named_with_the_command_that_makes_it(self):
        self.refused({"topics": {"orders": f"{self.shop.app}.nowhere"}},
                     f"{self.shop.app}.nowhere", "topics create")

    def test_unequal_partition_counts_are_refused(self):
        with Shop(cluster=self.shop.cluster, partitions=3) as other:
            other.create_topics()
            self.refused({"topics": {"reviews": other.topic("reviews")}}, "partitions",
                         other.topic("reviews"))

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
        freshet = self.shop.process({"kafka": {"bootstrap.servers": f"127.0.0.1:{port}"}})
        freshet.start(ready=False)
        begin, answer = time.monotonic(), None
        while time.monotonic() - begin < 30 and (answer is None or "broker" not in answer.text):
            try:
                answer = requests.get(f"http://127.0.0.1:{freshet.http_port}/readyz", timeout=5)
            except requests.ConnectionError:
                time.sleep(.1)
        self.assertEqual(answer.status_code, 503)
        self.assertIn("broker", answer.text)
        self.assertTrue(freshet.running)
        self.assertEqual(freshet.terminate(), 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
