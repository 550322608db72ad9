"""Waiting for something to become true, and leaving nothing behind.

What a test starts is ended in reverse order at its exit: on success, failure, Ctrl-C and SIGTERM
by `at_exit`, after a SIGKILL (ctest's way to end a test that takes too long) by the kernel, which
sends the children SIGKILL when their parent is gone. Folders of such a test are removed by the
next one: their names carry the process id of the owner.
"""

import atexit
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

# A child started with this in front is killed by the kernel when we die, whatever the reason.
WITH_PARENT = ("setpriv", "--pdeathsig", "KILL", "--")

_PREFIX = "freshet-test-"

at_exit = atexit.register  # last in, first out


def wait_until(predicate, timeout=30.0, what=None, every=0.05):
    """Calls predicate until it gives something true, which is returned. AssertionError after
    timeout seconds; what says in words what was waited for."""
    deadline = time.monotonic() + timeout
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout:g} s in vain for {what or predicate}; "
                                 f"last value: {value!r}")
        time.sleep(every)


def seed():
    """A random.Random for this test; its seed is printed and can be set by FRESHET_SEED."""
    value = int(os.environ.get("FRESHET_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"seed {value}: repeat with FRESHET_SEED={value}", file=sys.stderr, flush=True)
    return random.Random(value)


def make_folder(name="test"):
    """A new empty folder that is gone when the test ends."""
    path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-{name}-"))
    at_exit(shutil.rmtree, path, ignore_errors=True)
    return path


def _remove_folders_of_the_dead():
    for path in Path(tempfile.gettempdir()).glob(_PREFIX + "[0-9]*-*"):
        pid = path.name[len(_PREFIX):].split("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists():
            shutil.rmtree(path, ignore_errors=True)


def _exit_on_sigterm(_signal, _frame):
    sys.exit(128 + signal.SIGTERM)


signal.signal(signal.SIGTERM, _exit_on_sigterm)
_remove_folders_of_the_dead()
