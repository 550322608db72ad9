"""What must be true after the storm, from the topics alone.

    inputs ──understand──> events ──┐
    journal ──read_position──> ─────┴── replay: the order of each task ──> persons, lists due,
                                                                           dead letters, item sums
    outputs, changelog, items, group offsets, `inspect`, `verify` ──────── compared with it

The interleaving of a task's topics is the journal's: a transaction lists segments, and within one
the order follows from the records (users first, then the smaller event time, then the topic).
"""

import json
from collections import Counter, defaultdict

from freshet_test import INPUTS, TASK_TOPICS, end_offsets, read_topic

from .people import Person
from .wire import (MINUS_INFINITY, STRENGTH, TOPICS, Schemas, name_hash, read_item_change,
                   read_position, understand)

LATE_MAX_MS = 7 * 86_400_000
HOUR_MS = 3_600_000
QUALIFYING = ("view", "add_to_cart")
CONTENT = ("content.push", "content.email", "content.social", "content.seo", "content.onsite")
WINDOW_MS = {0: 12 * HOUR_MS, 1: 24 * HOUR_MS, 2: 24 * HOUR_MS}  # view, cart, order
SAID_MAX = 4  # sentences of one kind


class Oracle:
    """
    oracle = Oracle(shop)       reads everything and computes what is due
    oracle.check()              compares topics and offsets
    oracle.check_state(lines)   compares what `inspect --all` printed
    oracle.broken               {check: [sentence]} of all that is wrong
    """

    def __init__(self, shop):
        self.shop = shop
        self.schemas = Schemas(shop.cluster.registry_url)
        self.broken = defaultdict(list)
        self.counted = Counter()
        self.persons = [defaultdict(Person) for _ in range(shop.partitions)]
        self.lists_due = {}    # source -> Event
        self.letters_due = {}  # (topic, partition, offset) -> (reason, key, value)
        self.counts, self.pairs = Counter(), Counter()
        self._read_inputs()
        self._read_journal()
        for task in range(shop.partitions):
            self._replay(task)
        self._refuse_catalog()

    def _wrong(self, check, sentence):
        self.broken[check].append(sentence)

    # ---- reading ----

    def _read_inputs(self):
        self.records = {topic: defaultdict(dict) for topic in INPUTS}
        self.inputs = {topic: [[] for _ in range(self.shop.partitions)] for topic in TOPICS}
        for topic in INPUTS:
            for record in self.shop.read(topic, decode=False):
                event = understand(self.schemas, topic, record)
                event.key, event.value = record.key, record.value
                self.records[topic][record.partition][record.offset] = event
                if topic in self.inputs:
                    self.inputs[topic][record.partition].append(event)
        self.counted["inputs"] = sum(len(p) for t in self.records.values() for p in t.values())

    def _internal(self, name):
        return read_topic(self.shop.cluster, self.shop.internal(name))

    def _read_journal(self):
        self.journal = [[] for _ in range(self.shop.partitions)]
        self.last_words = [None] * self.shop.partitions
        for record in self._internal("journal"):
            self.journal[record.partition].append(read_position(record.value))
            self.last_words[record.partition] = record.value
        self.counted["transactions"] = sum(map(len, self.journal))
        for task, positions in enumerate(self.journal):
            numbers = [position.number for position in positions]
            if numbers != list(range(1, len(numbers) + 1)):
                at = next(i for i, n in enumerate(numbers) if n != i + 1)
                self._wrong("journal", f"task {task}: number {numbers[at]} at place {at + 1}")
            for before, after in zip(positions, positions[1:]):
                if any(after.next[topic] < before.next[topic] for topic in TOPICS):
                    self._wrong("journal", f"task {task}: {after.number} goes back")
                if after.clock < before.clock:
                    self._wrong("journal", f"task {task}: the clock of {after.number} goes back")

    # ---- replaying ----

    def _replay(self, task):
        at = {topic: 0 for topic in TOPICS}  # index into inputs
        newest = {topic: MINUS_INFINITY for topic in TOPICS}
        for position in self.journal[task]:
            for ends, _ in position.segments:
                self._replay_segment(task, at, ends, newest)
        for topic in TOPICS:
            if left := len(self.inputs[topic][task]) - at[topic]:
                self._wrong("journal", f"task {task}: {left} records of {topic} are in no "
                                       "transaction")

    def _replay_segment(self, task, at, ends, newest):
        while True:
            best = None
            for topic in TOPICS:
                rows = self.inputs[topic][task]
                if at[topic] == len(rows) or rows[at[topic]].offset >= ends[topic]:
                    continue
                if best is None or (best != "users" and rows[at[topic]].merge_time
                                    < self.inputs[best][task][at[best]].merge_time):
                    best = topic
            if best is None:
                return
            self._apply(task, best, self.inputs[best][task][at[best]], newest)
            at[best] += 1

    def _apply(self, task, topic, event, newest):
        if event.fate == "live" and topic != "users":
            if event.time < newest[topic] - LATE_MAX_MS:
                event.fate = "too_late"
            newest[topic] = max(newest[topic], event.time)
        if event.fate != "live":
            self._refuse(topic, task, event)
            return
        person = self.persons[task][event.user]
        if not person.apply(event):
            self.counted["duplicates"] += 1
            return
        if topic == "clickstream" and event.action in QUALIFYING:
            person.qualifying += 1
            source = f"{self.shop.topic(topic)}/{task}/{event.offset}"
            self.lists_due[source] = event
        self._learn(event, person.before)

    def _refuse(self, topic, partition, event):
        self.letters_due[self.shop.topic(topic), partition, event.offset] = \
            (event.fate, event.key, event.value)

    def _refuse_catalog(self):
        for partition, events in self.records["catalog"].items():
            for event in events.values():
                if event.fate != "live":
                    self._refuse("catalog", partition, event)

    def _learn(self, event, before):
        """What the event says about items: counts, and pairs with the session's last five."""
        hour = max(event.time, 0) // HOUR_MS
        kind = {"order": 2, "add_to_cart": 1}.get(event.action, 0)
        for item, _, _ in event.lines:
            self.counts[item, event.action, hour] += 1
            if event.action not in STRENGTH:
                continue
            for distance, (left, left_time, _, _) in enumerate(before, start=1):
                if abs(event.time - left_time) > WINDOW_MS[kind] or (left == item and kind):
                    continue
                worth = int(STRENGTH[event.action] * 256 / distance + 0.5)
                self.pairs[name_hash(left), item, kind, hour] += worth

    # ---- comparing ----

    def check(self):
        self._check_offsets()
        self._check_changelog()
        self._check_lists()
        self._check_letters()
        self._check_messages()
        self._check_items()

    def _check_offsets(self):
        for (topic, partition), (committed, end) in self.shop.offsets().items():
            if (committed or 0) != end:
                self._wrong("offsets", f"{topic}/{partition}: the group is at {committed}, the "
                                       f"end is {end}")
        ends = end_offsets(self.shop.cluster, [self.shop.topic(t) for t in TASK_TOPICS],
                           self.shop.partitions)
        for task, positions in enumerate(self.journal):
            for topic in TOPICS:
                end = ends[self.shop.topic(topic), task]
                last = positions[-1].next[topic] if positions else 0
                if last != end:
                    self._wrong("offsets", f"{topic}/{task}: the journal ends at {last}, the "
                                           f"topic at {end}")

    def _check_changelog(self):
        newest = [{} for _ in range(self.shop.partitions)]
        for record in self._internal("changelog"):
            newest[record.partition][record.key] = record.value
        for task, values in enumerate(newest):
            if values.pop(b"p", None) != self.last_words[task]:
                self._wrong("changelog", f"task {task}: its position is not that of the journal's "
                                         "last record")
            there = {key[1:].decode() for key, value in values.items() if value}
            due = {name for name, person in self.persons[task].items() if not person.empty}
            if there != due:
                self._wrong("changelog", f"task {task}: {len(due - there)} persons are missing, "
                                         f"{len(there - due)} are too many, e.g. "
                                         f"{sorted(there ^ due)[:3]}")

    def _check_lists(self):
        found, ids = Counter(), Counter()
        for record in self.shop.read("recommendations"):
            source = record.headers.get("freshet.source", b"none").decode()
            found[source] += 1
            ids[record.data["request_id"]] += 1
            event = self.lists_due.get(source)
            items = [item["item_id"] for item in record.data["items"]]
            if event and (record.data["trigger_event_id"], record.user) != \
                    (event.event_id, event.user):
                self._wrong("lists", f"{source}: made for {record.data['trigger_event_id']}")
            if len(set(items)) < len(items) or len(items) > 20:
                self._wrong("lists", f"{source}: {len(items)} items, {len(set(items))} of them "
                                     "different")
        self.counted["lists"] = sum(found.values())
        self._once("lists", found, self.lists_due)
        if any(n > 1 for n in ids.values()):
            self._wrong("lists", "a request_id comes twice")

    def _once(self, check, found, due):
        """Each one that is due exactly once, and nothing else."""
        missing = [name for name in due if name not in found]
        twice = [name for name, n in found.items() if n > 1]
        foreign = [name for name in found if name not in due]
        for what, names in (("missing", missing), ("more than once", twice),
                            ("for no reason", foreign)):
            if names:
                self._wrong(check, f"{len(names)} {what} (of {len(due)}), e.g. {names[:3]}")

    def _check_letters(self):
        found = Counter()
        for letter in self.shop.read("dead-letter", decode=False):
            header = {name.rsplit(".", 1)[1]: value.decode(errors="replace")
                      for name, value in letter.headers.items() if name.startswith("freshet.error")}
            place = header["topic"], int(header["partition"]), int(header["offset"])
            found[place] += 1
            due = self.letters_due.get(place)
            if due and due != (header["reason"], letter.key, letter.value):
                self._wrong("dead letters", f"{place}: {header['reason']} instead of {due[0]}, or "
                                            "other bytes")
        self.counted["dead letters"] = sum(found.values())
        self._once("dead letters", found, self.letters_due)

    def _check_messages(self):
        """No decision twice, and each with a cause that exists."""
        ids = Counter()
        topics = {self.shop.topic(topic): topic for topic in TOPICS}
        for topic in (*CONTENT, "suppressed"):
            for record in self.shop.read(topic):
                ids[record.data["message_id"]] += 1
                cause, partition, offset = \
                    record.headers["freshet.source"].decode().rsplit("/", 2)
                if cause == "journal":
                    exists = 1 <= int(offset) <= len(self.journal[int(partition)])
                else:
                    exists = int(offset) in self.records[topics[cause]][int(partition)]
                if not exists:
                    self._wrong("messages", f"{topic}: its cause {cause}/{partition}/{offset} "
                                            "does not exist")
        self.counted["messages"] = sum(ids.values())
        if twice := [name for name, n in ids.items() if n > 1]:
            self._wrong("messages", f"{len(twice)} more than once, e.g. {twice[:3]}")

    def _check_items(self):
        counts, pairs = Counter(), Counter()
        for record in self._internal("items"):
            read_item_change(record.value, counts, pairs, record.key.decode())
        self.counted["item counts"] = sum(counts.values())
        for name, found, due in (("counts", counts, self.counts), ("pairs", pairs, self.pairs)):
            wrong = {key for key in found.keys() | due.keys() if found[key] != due[key]}
            if wrong:
                key = min(wrong, key=repr)
                self._wrong("items", f"{len(wrong)} {name} of {len(due)} differ, e.g. {key}: "
                                     f"{found[key]} instead of {due[key]}")

    def check_state(self, who, text, tasks=None):
        """text: what `inspect --all` printed; tasks: those it is to be complete for (all)."""
        tasks = range(self.shop.partitions) if tasks is None else tasks
        there = {task: {} for task in range(self.shop.partitions)}
        for line in map(json.loads, text.splitlines()):
            there[line["task"]][line["user_id"]] = line
        wrong = []
        for task in tasks:
            due = {name: p for name, p in self.persons[task].items() if not p.empty}
            wrong += [f"{name} of task {task} is missing" for name in due.keys() - there[task]]
            wrong += [f"{name} of task {task} is unknown" for name in there[task].keys() - due]
            for name in due.keys() & there[task].keys():
                wrong += [f"{name}: {words}" for words in due[name].differences(there[task][name])]
            self.counted[f"persons of {who}"] += len(due)
        if wrong:
            self._wrong("state", f"{who}: {len(wrong)} differences, e.g. {sorted(wrong)[:3]}")

    def report(self):
        """Lines for a person."""
        lines = [", ".join(f"{n} {what}" for what, n in self.counted.items())]
        for check, sentences in self.broken.items():
            lines += [f"BROKEN {check}: {sentence}" for sentence in sentences[:SAID_MAX]]
            if len(sentences) > SAID_MAX:
                lines.append(f"BROKEN {check}: and {len(sentences) - SAID_MAX} more")
        return lines
