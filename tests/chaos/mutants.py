"""Is a bug found? Deliberate ones (core/base/fault.h) are switched on, one at a time, in short
scenarios that give each its chance; the oracle must find every one, and nothing without them.

    python -m chaos.mutants [name ...]
"""

import argparse
import shutil
import sys
import time

from freshet_test import catalog_item, click, consent, now_ms, own_cluster, user, wait_until

from .faults import SESSION_S
from .feeding import Load
from .storm import Storm

N_EVENTS = 3000
SETTLE_MUTANT_S = 15
SEED = 20


class Scenario(Storm):
    """A storm whose weather is known. armed: the mutant's part of FRESHET_FAULT, or nothing."""

    partitions, idle_after, n_processes = 2, "1h", 1
    flush_interval, workers = "1s", 1

    def __init__(self, cluster, mutant, say):
        super().__init__(cluster, SEED, 0, N_EVENTS, 2000, say)
        self.mutant = mutant
        if mutant:
            self.settle_s = SETTLE_MUTANT_S

    def draw_partitions(self):
        return self.partitions

    def draw_idle_after(self):
        return self.idle_after

    def draw_processes(self):
        return self.n_processes

    def draw_process_settings(self):
        return {"workers": self.workers, "commit": {"interval_ms": 20},
                "state": {"memory": "256MiB", "flush_interval": self.flush_interval}}

    def begin(self, process, fault=None, **options):
        mutant = f"mutant_{self.mutant}=1" if self.mutant else None
        process.start(fault=",".join(filter(None, (fault, mutant))) or None, **options)

    def open(self):
        """Tables; the load is there, to be sent in one go or to be started."""
        self.load = Load(self.shop, self.random, n_twins=1, n_feed=N_EVENTS, begin_max=1)
        self.load.send_tables()

    def send(self):
        self.load.send_next(N_EVENTS)

    def send_steps(self, process, n):
        """A hundred events each, and at least a transaction and a flush; until it dies."""
        for _ in range(n):
            self.load.send_next(100)
            wait_until(lambda: not process.running or self.shop.behind() == 0, 30,
                       "all input to be committed", every=0.1)
            time.sleep(0.15)

    def run(self):
        try:
            self.act()
            for process in self.processes:
                if not process.running:
                    self.begin(process, ready=False)
            self.settle()
            return self.judge()
        except AssertionError as error:
            self.wrong("scenario", str(error))
            return False


class Aborts(Scenario):
    """The broker asks for an abort, and the process goes on."""

    mutants = ("cache_before_commit", "overlay_kept", "item_changes_kept")

    def act(self):
        self.open()
        self.send()
        [process] = self.processes
        self.begin(process, "abort_before_commit=3-5")
        wait_until(lambda: process.has_hit("abort_before_commit"), 30, "an abort")


class NewMachine(Scenario):
    """Dead in the middle of the load; the next life has an empty state directory."""

    mutants = ("offset_off_by_one", "changelog_forgotten", "position_forgotten",
               "journal_forgotten", "list_twice")

    def act(self):
        self.open()
        [process] = self.processes
        self.begin(process)
        self.send_steps(process, 8)
        process.kill()
        shutil.rmtree(process.state_dir)
        self.begin(process)
        self.load.send_next(N_EVENTS)


class Flush(Scenario):
    """Dead within a flush; the next life has the same directory. Every write reaches the disk."""

    flush_interval = "100ms"
    mutants = ("watermark_first",)

    def draw_habit(self):
        return "state_flush=1-1000000"

    def act(self):
        self.open()
        [process] = self.processes
        self.begin(process, "kill_in_flush=4")
        self.send_steps(process, 12)
        self.expect_exit(process, (-9,))
        self.begin(process)
        self.load.send_next(N_EVENTS)


class FullDisk(Flush):
    """Two flushes find the disk full, the third does not; then the process dies."""

    partitions = 1
    mutants = ("flush_forgets",)

    def act(self):
        self.open()
        [process] = self.processes
        self.begin(process, "state_write=4-5,kill_in_flush=9")
        self.send_steps(process, 14)
        self.expect_exit(process, (-9,))
        assert process.has_hit("state_write"), "the disk was never full"
        self.begin(process)
        self.load.send_next(N_EVENTS)


class Zombie(Scenario):
    """Stopped between its lists and its changelog, for longer than its session; another process
    has done its work when it goes on."""

    n_processes = 2
    point = "stop_before_changelog"
    mutants = ("no_fence",)

    def draw_process_settings(self):
        """The broker does not end its transaction for it."""
        drawn = super().draw_process_settings()
        return {**drawn, "kafka": {**self.settings["kafka"],
                                   "producer": {"transaction.timeout.ms": 60_000}}}

    def load_it(self):
        self.open()
        self.send()

    def act(self):
        zombie, other = self.processes
        self.begin(zombie)
        self.begin(other)
        wait_until(lambda: other.words().count("event=task_started") == self.partitions // 2, 60,
                   "both to have tasks")
        zombie.kill()
        self.begin(zombie, f"{self.point}=1")  # its place is kept, if it is quick
        self.load_it()
        zombie.wait_stopped()
        time.sleep(SESSION_S)
        self.wait_all_taken(other)
        self.wait_overtaken()
        zombie.resume()
        time.sleep(2)

    def wait_all_taken(self, other):
        wait_until(lambda: other.words().count("event=task_started") == self.partitions, 60,
                   "the other to have all tasks")

    def wait_overtaken(self):
        time.sleep(1)


class TimerZombie(Zombie):
    """The same in a transaction that the clock alone has caused."""

    idle_after = "300ms"
    point = "stop_before_changelog_of_timers"
    mutants = ("no_timer_fence",)

    def load_it(self):
        people, early = [f"p{n}" for n in range(40)], now_ms() - 86_400_000
        self.shop.send("catalog", [catalog_item("teapot", time=early)])
        self.shop.send("users", [user(p, [consent("PUSH", time=early)], time=early, locale="en-GB")
                                 for p in people])
        self.shop.send("clickstream", [click(p, "teapot", "ADD_TO_CART", price="9.99")
                                       for p in people])

    def wait_overtaken(self):
        """Its reminders have been sent by the other."""
        time.sleep(2.5)


class Snapshot(Scenario):
    """Killed; the item model begins at the snapshot of an earlier stop, and what followed it."""

    mutants = ("snapshot_offset",)

    def act(self):
        self.open()
        [process] = self.processes
        self.begin(process)
        self.send_steps(process, 4)
        assert process.terminate() == 0
        self.begin(process)
        self.send_steps(process, 4)
        process.kill()
        self.begin(process)
        assert "items_begin from=snapshot" in process.words(), "it has not begun at its snapshot"
        self.load.send_next(N_EVENTS)


class OpenCommit(Zombie):
    """Stopped with its offsets sent and the commit not: whoever gets its tasks has to wait for it.

    The mutant takes both questions for the other: whether offsets are stable, and where the
    changelog ends. With one of the two right, the time that is left for an error is that between
    two markers of one transaction, and no test waits for that."""

    point = "stop_before_commit"
    mutants = ("end_is_stable_offset",)

    def wait_all_taken(self, other):
        time.sleep(2)


class TaskReturns(Scenario):
    """A task moves to another process, is worked on there, and comes back."""

    n_processes = 2
    mutants = ("task_kept",)

    def act(self):
        self.open()
        here, there = self.processes
        self.begin(here)
        self.send_steps(here, 2)
        self.begin(there)
        wait_until(lambda: "event=task_started" in there.words(), 30, "a task to move")
        self.send_steps(there, 4)
        assert there.terminate() == 0
        self.load.send_next(N_EVENTS)


SCENARIOS = (Aborts, NewMachine, Flush, FullDisk, Zombie, TimerZombie, OpenCommit, TaskReturns,
             Snapshot)


def play(cluster, scenario, mutant):
    """(broken or not, checks that said so, the sentences)"""
    sentences = []
    with scenario(cluster, mutant, sentences.append) as storm:
        storm.run()
    return sorted(storm.broken), sentences


def main():
    parser = argparse.ArgumentParser(prog="chaos.mutants", description=__doc__)
    parser.add_argument("-v", action="store_true", help="says what happens")
    parser.add_argument("names", nargs="*", help="these mutants only")
    given = parser.parse_args()
    wanted = given.names
    unknown = set(wanted) - {name for scenario in SCENARIOS for name in scenario.mutants}
    assert not unknown, f"no such mutants: {unknown}"
    failures, n = [], 0
    with own_cluster() as cluster:
        for scenario in SCENARIOS:
            for mutant in (None, *(m for m in scenario.mutants if not wanted or m in wanted)):
                if wanted and not set(wanted) & set(scenario.mutants):
                    continue
                begin = time.monotonic()
                broken, sentences = play(cluster, scenario, mutant)
                ok = bool(broken) == bool(mutant)
                n += bool(mutant) and ok
                print(f"{scenario.__name__:12} {mutant or 'without a mutant':24} "
                      f"{'found by ' + ', '.join(broken) if broken else 'nothing is wrong':60} "
                      f"{'' if ok else 'NOT AS IT SHOULD BE '}{time.monotonic() - begin:.0f} s",
                      flush=True)
                if not ok:
                    failures.append((scenario.__name__, mutant))
                if given.v or not ok:
                    print("\n".join(sentences))
    print(f"{n} mutants found" + (f"; failed: {failures}" if failures else ", none missed"))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
