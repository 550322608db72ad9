"""One run: a shop, its processes, the load, faults drawn from the seed, and the oracle at the end."""

import json
import random
import shutil
import signal
import time
from collections import Counter, defaultdict
from pathlib import Path

from freshet_test import ROOT, Door, FreshetProcess, Shop, make_folder, wait_until

from .faults import FAULTS, SESSION_S
from .feeding import Load
from .oracle import Oracle

CAMPAIGN = """campaign: cart_chaos
purpose: marketing
trigger: {type: cart_abandonment, quiet: %s, steps: [0h, 1h], min_value: 0}
channels: [push, email]
templates: {push: cart_push, email: cart_email}
unsubscribe_url: https://shop.example/unsubscribe
vars: {shop_name: Example Shop, cart_url: "https://shop.example/cart"}
"""
SETTLE_S = 240
AT_ONCE_MAX = 3  # faults


class Process(FreshetProcess):
    """One that a fault can hold, and that knows what it said in this life."""

    def __init__(self, name, settings):
        super().__init__(settings)
        self.name = name
        self.state_dir = Path(self.settings["state"]["dir"])
        self.habit = None  # FRESHET_FAULT of all its lives
        self._life_begins = 0

    def start(self, *arguments, fault=None, **options):
        self._life_begins = self.log_path.stat().st_size if self.log_path.exists() else 0
        fault = ",".join(filter(None, (self.habit, fault)))
        return super().start(*arguments, fault=fault, **options)

    def words(self):
        with open(self.log_path, "rb") as log:
            log.seek(self._life_begins)
            return log.read().decode(errors="replace")

    def has_hit(self, point):
        return f"event=fault_point name={point}\n" in self.words()

    def ask_to_end(self):
        self.process.send_signal(signal.SIGTERM)

    def end_at_once(self):
        self._signal_and_wait(signal.SIGKILL)


class Storm:
    """
    with Storm(cluster, seed=7, n_faults=40, n_events=60_000, rate=600) as storm:
        storm.run()         True: nothing is wrong
        storm.broken        {check: [sentence]}
    """

    def __init__(self, cluster, seed, n_faults, n_events, rate, say=print):
        self.cluster, self.seed, self.n_faults = cluster, seed, n_faults
        self.n_events, self.rate, self._say = n_events, rate, say
        self.random = random.Random(seed)
        self.broken = defaultdict(list)
        self.begun, self.struck, self.missed = Counter(), Counter(), Counter()
        self.counted = Counter()
        self.settle_s = SETTLE_S
        self._start_s = time.monotonic()

    def say(self, sentence):
        self._say(f"{time.monotonic() - self._start_s:6.1f} s  {sentence}")

    def wrong(self, check, sentence):
        self.say(f"WRONG {check}: {sentence.splitlines()[0]}")
        self.broken[check].append(sentence)

    # ---- the scene ----

    def __enter__(self):
        draw = self.random
        self.shop = Shop(self.cluster, partitions=self.draw_partitions())
        self.shop.create_topics()
        self.shop.register_schemas()
        self.door = Door(self.cluster.registry.port)
        folder = make_folder("campaigns")
        (folder / "cart.yaml").write_text(CAMPAIGN % draw.choice(("1s", "10m")))
        self.settings = {
            "idle_after": self.draw_idle_after(), "live": {"max_age": "0"},
            "commit": {"interval_ms": draw.choice((5, 20, 100))},
            "campaigns": {"dir": str(folder), "templates": str(ROOT / "deploy" / "templates")},
            "registry": {"url": self.cluster.registry_url.replace(
                str(self.cluster.registry.port), str(self.door.port))},
            "kafka": {"consumer": {"session.timeout.ms": int(SESSION_S * 1000),
                                   "heartbeat.interval.ms": 500}}}
        self.processes = [self.process(f"p{i}") for i in range(self.draw_processes())]
        return self

    # What is drawn; scenarios say it instead.

    def draw_partitions(self):
        return self.random.choice((2, 4, 6, 8))

    def draw_idle_after(self):
        return self.random.choice(("300ms", "1h"))

    def draw_processes(self):
        return self.random.randint(2, 3)

    def draw_process_settings(self):
        draw = self.random.choice
        return {"workers": draw((1, 1, 2)),
                "state": {"memory": draw(("64MiB", "256MiB")),
                          "flush_interval": draw(("100ms", "1s")),
                          "snapshot_interval": draw(("500ms", "5s", "5m")),
                          "table_interval": draw(("500ms", "5s", "30s"))}}

    def draw_habit(self):
        """What a kill leaves of RocksDB is what its memtables have written: nearly nothing if they
        are rarely full, nearly all if each write fills one."""
        return self.random.choice((None, "state_flush=1-1000000"))

    def process(self, name):
        process = Process(name, self.shop.settings(
            {**self.settings, "instance": name, **self.draw_process_settings()}))
        process.habit = self.draw_habit()
        return process

    def __exit__(self, kind, *_):
        for process in self.processes:
            process.end_at_once()
        if kind or self.broken:
            self._keep_logs()
        self.door.shut()
        self.shop.close()

    def _keep_logs(self):
        folder = ROOT / "build" / "chaos" / f"seed-{self.seed}"
        folder.mkdir(parents=True, exist_ok=True)
        for process in self.processes:
            if process.log_path.exists():
                shutil.copy(process.log_path, folder / f"{process.name}.log")
        self.say(f"logs are in {folder.relative_to(ROOT)}")

    # ---- faults ----

    def _draw(self, held):
        """(name, generator, resource) of a fault whose object is free, or None."""
        free = {"process": [p for p in self.processes if p.name not in held],
                "broker": [] if "broker" in held else [self.cluster.broker],
                "registry": [] if "registry" in held else [self.door]}
        _, holds, function = self.random.choices(FAULTS, [f[0] for f in FAULTS])[0]
        if not free[holds]:
            return None
        thing = self.random.choice(free[holds])
        held_name = thing.name if holds == "process" else holds
        return function.__name__, function(self, thing), held_name

    def _strike_all(self):
        active = []  # [when to go on, generator, what it holds]
        next_begin, n = 0.0, 0
        while n < self.n_faults or active:
            now = time.monotonic()
            if n < self.n_faults and now >= next_begin and len(active) < AT_ONCE_MAX:
                drawn = self._draw({entry[2] for entry in active})
                if drawn:
                    n += 1
                    name, generator, held = drawn
                    self.begun[name] += 1
                    self.say(f"fault {n}/{self.n_faults}: {name} {held}")
                    active.append([now, generator, held])
                next_begin = now + self.random.uniform(0.1, 2.5)
            for entry in [e for e in active if now >= e[0]]:
                try:
                    entry[0] = time.monotonic() + next(entry[1])
                except StopIteration:
                    active.remove(entry)
            self._look_after({entry[2] for entry in active})
            time.sleep(0.02)

    def _look_after(self, held):
        """A process that no fault holds and that ended by itself is a fault of its own."""
        for process in self.processes:
            if process.name not in held and process.process and not process.running:
                self.expect_exit(process, ())
                process.start(ready=False)

    def expect_exit(self, process, codes):
        code = process.process.returncode
        try:
            process.check_log()
        except AssertionError as error:
            self.wrong("sanitizer", str(error))
        if code not in codes:
            words = "\n".join(process.words().splitlines()[-12:])
            self.wrong("exit", f"{process.name} ended with {code}\n{words}")

    # ---- the run ----

    def run(self):
        self.say(f"seed {self.seed}: {self.n_faults} faults, {self.shop.partitions} partitions, "
                 f"{len(self.processes)} processes, idle after {self.settings['idle_after']}, commit "
                 f"every {self.settings['commit']['interval_ms']} ms")
        self.load = Load(self.shop, self.random, n_twins=4)
        self.load.send_tables()
        for process in self.processes:
            process.start(ready=False)
        self.processes[0].wait_ready(90)
        self.load.start(self.rate, self.n_events)
        self._strike_all()
        self.say(f"faults are over; {self.load.n_sent} events so far")
        self.load.finish()
        self.settle()
        return self.judge(expect_refusals=self.load.n_bad_catalog)

    def settle(self):
        for process in self.processes:
            if not process.running:
                process.start(ready=False)
        begun = time.monotonic()
        try:
            self.shop.wait_caught_up(self.settle_s)
        except AssertionError as error:
            behind = [place for place, (at, end) in self.shop.offsets().items() if (at or 0) != end]
            self.wrong("progress", f"{error}; behind: {behind}")
        self.say(f"caught up after {time.monotonic() - begun:.1f} s")

    def judge(self, expect_refusals=0):
        """Stops all, compares all."""
        try:
            wait_until(lambda: sum(r.headers["freshet.error.topic"].decode() ==
                                   self.shop.topic("catalog") for r in
                                   self.shop.read("dead-letter", decode=False))
                       >= expect_refusals, 30, every=0.5)
        except AssertionError:
            pass  # the oracle says which
        for process in self.processes:
            if process.running:
                process.ask_to_end()
        for process in self.processes:
            try:
                process.process and process.wait_exit(90)
            except AssertionError as error:
                self.wrong("stop", str(error))
                continue
            if process.process:
                self.expect_exit(process, (0,))
        self.say("stopped; the oracle reads")
        oracle = Oracle(self.shop)
        oracle.check()
        self._check_states(oracle)
        self._verify()
        for check, sentences in oracle.broken.items():
            self.broken[check] += sentences
        self.counted += oracle.counted
        for line in oracle.report():
            self.say(line)
        return not self.broken

    def _check_states(self, oracle):
        """Each process for the tasks whose newest transaction it has; a new machine for all."""
        for process in self.processes:
            try:
                tasks = [line["task"] for line in map(json.loads, process.command(
                    "inspect", "--offsets").stdout.splitlines())
                    if oracle.journal[line["task"]]
                    and line["number"] == oracle.journal[line["task"]][-1].number]
                oracle.check_state(process.name, process.command("inspect", "--all").stdout, tasks)
            except AssertionError as error:
                if "exit 1" not in str(error) or process.state_dir.exists():
                    self.wrong("inspect", str(error))
        fresh = self.process("fresh")
        self.processes.append(fresh)
        fresh.start()
        wait_until(lambda: fresh.words().count("event=task_started") >= self.shop.partitions, 90,
                   "a new machine to start all tasks")
        if fresh.terminate() != 0:
            self.wrong("exit", "the new machine")
        oracle.check_state("a new machine", fresh.command("inspect", "--all").stdout)
        self._check_folds()

    def _check_folds(self):
        """The item model of each process, as its last snapshot has it, is what `<app>-items` gives
        from its beginning to that offset; and what the items table and the rest give."""
        for process in self.processes:
            if any(process.state_dir.glob("items-*.snapshot")):
                self._same_fold(process, ())
        self._same_fold(self.processes[0], ("--items-from", "table"))

    def _same_fold(self, process, source):
        def told(*arguments):
            line = json.loads(process.command("inspect", "--items-digest", *arguments).stdout)
            return line["items"], line["items_digest"]
        try:
            there = told(*source)
            due = told("--items-from", "beginning", "--items-to", str(there[0]))
        except AssertionError as error:
            self.wrong("fold", str(error))
            return
        self.counted["folds"] += 1
        if there != due:
            self.wrong("fold", f"{process.name} {' '.join(source)}: {there} instead of {due}")

    def _verify(self):
        done = self.processes[0].command("verify", check=False, timeout=1200)
        last = (done.stdout.strip().splitlines() or ["nothing"])[-1]
        self.say(f"verify: exit {done.returncode}: {last}")
        if done.returncode:
            self.wrong("verify", f"exit {done.returncode}: {done.stdout[:2000]}{done.stderr[-500:]}")
