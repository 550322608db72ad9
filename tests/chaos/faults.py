"""The faults. Each is a generator: it does something, yields how long to wait (seconds), does the
next thing. While it lasts it holds what it works on, so that no two faults do to the same process;
others go on meanwhile.

    @fault(weight, "process")            holds a process, which it is given
    @fault(weight, "broker"|"registry")  holds that
"""

import shutil
import time

SESSION_S = 3.0  # kafka.consumer.session.timeout.ms of the storm
PATIENCE_S = 90
POINT_PATIENCE_S = 12

FAULTS = []  # (weight, what it holds, function)


def fault(weight, holds):
    def add(function):
        FAULTS.append((weight, holds, function))
        return function
    return add


# Where a process can be struck, and how late (passes of the point) at most.
KILLING_POINTS = {
    "kill_before_changelog": 40, "kill_after_produce": 40, "kill_before_commit": 40,
    "kill_in_commit": 40, "kill_after_commit": 40, "kill_before_cache": 40, "kill_in_flush": 6,
    "kill_between_flush_steps": 2, "kill_snapshot_rename": 3}
STOPPING_POINTS = {
    "stop_before_changelog": 40, "stop_after_produce": 40, "stop_before_commit": 40,
    "stop_in_commit": 40, "stop_after_commit": 40, "stop_before_cache": 40, "stop_in_flush": 6}
FAILING_POINTS = {"abort_before_commit": 40, "state_write": 40, "state_read": 200,
                  "snapshot_write": 6}


def armed(random, point, passes):
    """The text of FRESHET_FAULT."""
    nth = random.randint(1, passes)
    if point.endswith("_in_commit"):  # the point lies behind a commit that is not waited for
        return f"hasty_commit={nth}-{nth + 20},{point}=1"
    if point == "abort_before_commit" or (point == "state_write" and random.random() < 0.5):
        return f"{point}={nth}-{nth + random.randint(0, 4)}"
    return f"{point}={nth}"


def a_while(storm):
    """Before a dead process comes back: mostly at once, sometimes long after it was missed."""
    return storm.random.choice((0, 0.1, 0.5, 1.5, SESSION_S + 1.5))


def ensure_running(process):
    if not process.running:
        process.start(ready=False)


@fault(14, "process")
def kill(storm, process):
    ensure_running(process)
    process.kill()
    yield a_while(storm)
    process.start(ready=False)
    yield 0.3


@fault(14, "process")
def zombie(storm, process):
    """Stopped for longer than its session, or nearly; then it goes on as if nothing had been."""
    ensure_running(process)
    process.pause()
    yield storm.random.choice((0.5, 2.5, SESSION_S + 0.7, SESSION_S + 2, SESSION_S + 4, 12))
    process.resume()
    yield 1.0


def end_politely(storm, process):
    process.ask_to_end()
    deadline = time.monotonic() + PATIENCE_S
    while process.running:
        if time.monotonic() > deadline:
            storm.wrong("stop", f"{process.name} has not ended {PATIENCE_S} s after SIGTERM")
            process.kill()
        yield 0.05
    storm.expect_exit(process, (0,))


@fault(12, "process")
def leave_and_join(storm, process):
    ensure_running(process)
    yield from end_politely(storm, process)
    yield a_while(storm)
    process.start(ready=False)
    yield 0.3


@fault(5, "process")
def quick_restart(storm, process):
    """SIGTERM to a process that keeps its place in the group, and comes back before it is missed,
    or not."""
    if process.running:
        process.kill()
    process.start("--keep-membership", ready=False)
    yield storm.random.uniform(1, 4)
    yield from end_politely(storm, process)
    yield a_while(storm)
    process.start(ready=False)
    yield 0.3


@fault(5, "process")
def leave_for_long(storm, process):
    """Others do its work for a while; its state directory is old when it comes back."""
    if process.running:
        yield from end_politely(storm, process)
    yield storm.random.uniform(6, 15)
    process.start(ready=False)
    yield 0.3


@fault(5, "process")
def new_machine(storm, process):
    """The state directory is lost."""
    ensure_running(process)
    process.kill()
    shutil.rmtree(process.state_dir, ignore_errors=True)
    yield a_while(storm)
    process.start(ready=False)
    yield 0.3


def strike(storm, process, point, passes):
    """A life with an armed point, up to the moment when it hits (or has had no reason to)."""
    if process.running:
        process.kill()
    text = armed(storm.random, point, passes)
    storm.say(f"  {process.name}: {text}")
    process.start(ready=False, fault=text)
    deadline = time.monotonic() + POINT_PATIENCE_S
    while not process.has_hit(point) and process.running and time.monotonic() < deadline:
        yield 0.05
    (storm.struck if process.has_hit(point) else storm.missed)[point] += 1


@fault(24, "process")
def kill_at_a_point(storm, process):
    point = storm.random.choice(sorted(KILLING_POINTS))
    yield from strike(storm, process, point, KILLING_POINTS[point])
    yield 0.2
    if not process.running:
        storm.expect_exit(process, (-9,))
        yield a_while(storm)
    else:
        process.kill()
    process.start(ready=False)
    yield 0.3


@fault(18, "process")
def stop_at_a_point(storm, process):
    """The zombie in the middle of a commit."""
    point = storm.random.choice(sorted(STOPPING_POINTS))
    yield from strike(storm, process, point, STOPPING_POINTS[point])
    if process.has_hit(point):
        yield storm.random.choice((0.3, SESSION_S - 0.5, SESSION_S + 1, SESSION_S + 3, 11))
        process.resume()
        yield 1.0
    if process.running:
        process.kill()  # no second hit in another fault
    process.start(ready=False)
    yield 0.3


@fault(12, "process")
def fail_at_a_point(storm, process):
    """A full disk, a disk that cannot be read, an abort that the broker asks for. Where the disk
    fails under a person's state, the program may end with a sentence."""
    point = storm.random.choice(sorted(FAILING_POINTS))
    yield from strike(storm, process, point, FAILING_POINTS[point])
    yield storm.random.uniform(0.5, 3)
    if process.running:
        process.kill()
    else:
        storm.expect_exit(process, (1,) if point.startswith("state_") else ())
    yield a_while(storm)
    process.start(ready=False)
    yield 0.3


@fault(6, "broker")
def broker_restarts(storm, broker):
    """In order: a lone broker of 4.4.0 that is killed in the middle of a commit never writes the
    markers of that transaction, and nobody can go on (a cluster of three would)."""
    broker.stop()
    yield storm.random.choice((0, 1, 4))
    broker.launch()
    deadline = time.monotonic() + PATIENCE_S
    while not broker.answers():
        assert broker.running and time.monotonic() < deadline, "the broker does not come back"
        yield 0.1
    yield 1.0


@fault(4, "broker")
def broker_stalls(storm, broker):
    broker.pause()
    yield storm.random.choice((0.5, 2, 5))
    broker.resume()
    yield 1.0


@fault(5, "registry")
def registry_away(storm, door):
    door.shut()
    yield storm.random.uniform(0.5, 6)
    door.open()
    yield 0.1
