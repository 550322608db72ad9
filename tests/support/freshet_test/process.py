"""`freshet` as a child process: its settings file, its signals, what it says of itself."""

import json
import os
import re
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import requests

from .cluster import ROOT, free_port
from .waiting import WITH_PARENT, at_exit, make_folder, wait_until

_SANITIZER = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")
_SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def freshet_binary():
    return os.environ.get("FRESHET_BIN") or str(ROOT / "build" / "asan" / "freshet")


def freshet(*arguments, timeout=120, check=True, **options):
    """Runs a subcommand to its end; a CompletedProcess with text. check: AssertionError with its
    words unless it exits with 0."""
    done = subprocess.run([*WITH_PARENT, freshet_binary(), *map(str, arguments)], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          cwd=ROOT, **options)
    assert not _SANITIZER.search(done.stderr), done.stderr
    assert not check or done.returncode == 0, \
        f"freshet {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}"
    return done


def yaml_text(settings, indent=""):
    """Nested dicts as YAML; scalars in JSON's spelling, which YAML shares."""
    lines = []
    for key, value in settings.items():
        if isinstance(value, dict):
            lines += [f"{indent}{key}:", yaml_text(value, indent + "  ")] if value else []
        else:
            lines.append(f"{indent}{key}: {json.dumps(value)}")
    return "\n".join(lines)


def merge(base, changes):
    """base with changes laid over it, dict by dict; base stays as it was."""
    merged = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged


class FreshetProcess:
    """`freshet run` with a settings file, a state directory and an HTTP port of its own, which it
    keeps from life to life. Ends with the test; a sanitizer's report fails the test when the
    process is stopped or closed."""

    def __init__(self, settings, arguments=(), binary=None):
        self.folder = make_folder("freshet")
        self.http_port = free_port()
        self.settings = merge({"state": {"dir": str(self.folder / "state")},
                                "http": {"listen": f"127.0.0.1:{self.http_port}"}}, settings)
        self.config = self.folder / "freshet.yaml"
        self.config.write_text(yaml_text(self.settings) + "\n")
        self.arguments = list(arguments)
        self.binary = binary or freshet_binary()
        self.log_path = self.folder / "log"
        self.process = None
        at_exit(self._signal_and_wait, signal.SIGKILL)

    # ---- its life ----

    def start(self, *arguments, ready=True, timeout=60, fault=None):
        """Starts it; ready: waits until /readyz says 200. fault: FRESHET_FAULT of this life,
        e.g. "kill_before_commit=3" (core/base/fault.h)."""
        assert not self.running, "it runs already"
        environment = {**os.environ, **({"FRESHET_FAULT": fault} if fault else {})}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_PARENT, self.binary, "run", "-c", self.config, *self.arguments, *arguments],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT, env=environment,
                start_new_session=True)
        if ready:
            self.wait_ready(timeout)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def terminate(self, timeout=60):
        """SIGTERM; the exit code. AssertionError with the log's end if it does not stop."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def wait_exit(self, timeout=60):
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.fail(f"it has not ended after {timeout} s")
        self.check_log()
        return code

    def kill(self):
        """kill -9"""
        self._signal_and_wait(signal.SIGKILL)
        self.check_log()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def wait_stopped(self, timeout=60):
        """Until it has stopped itself (SIGSTOP, by a fault point); resume() lets it go on."""
        def stopped():
            if not self.running:
                self.fail(f"it ended with exit code {self.process.returncode}")
            return self._state() == "T"
        wait_until(stopped, timeout, "the process to stop itself")

    def _state(self):
        return Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def _signal_and_wait(self, number):
        if self.running:
            self.process.send_signal(number)
            self.process.wait()

    def __enter__(self):
        return self if self.running else self.start()

    @contextmanager
    def lives(self):
        """As `with`, but the test starts it."""
        try:
            yield self
        except BaseException as error:
            self.__exit__(type(error))
            raise
        self.__exit__(None)

    def __exit__(self, kind, *_):
        self._signal_and_wait(signal.SIGKILL)
        if kind:
            print(f"--- end of {self.log_path} ---\n{self.log_end()}")
        else:
            self.check_log()

    # ---- what it says ----

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def log_end(self, n=60):
        return "\n".join(self.log().splitlines()[-n:])

    def check_log(self):
        """AssertionError if a sanitizer has reported something in any of its lives."""
        if _SANITIZER.search(self.log()):
            self.fail("a sanitizer reports")

    def fail(self, sentence):
        raise AssertionError(f"freshet: {sentence}; end of its log:\n{self.log_end(120)}")

    def get(self, path, timeout=10, **options):
        return requests.get(f"http://127.0.0.1:{self.http_port}{path}", timeout=timeout, **options)

    def is_ready(self):
        if not self.running:
            self.fail(f"it ended with exit code {self.process.returncode}")
        try:
            return self.get("/readyz", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def wait_ready(self, timeout=60):
        try:
            wait_until(self.is_ready, timeout, "/readyz to answer 200")
        except AssertionError as error:
            self.fail(str(error))

    def status(self):
        answer = self.get("/v1/status")
        answer.raise_for_status()
        return answer.json()

    def metrics(self):
        """[(name, {label: value}, number)]"""
        samples = []
        for line in self.get("/metrics").text.splitlines():
            match = _SAMPLE.match(line)
            if match and not line.startswith("#"):
                name, labels, value = match.groups()
                samples.append((name, dict(_LABEL.findall(labels or "")), float(value)))
        return samples

    def metric(self, name, **labels):
        """The sum over all samples of that name with these labels; 0 if there are none."""
        return sum(value for n, l, value in self.metrics()
                   if n == name and labels.items() <= l.items())

    def command(self, subcommand, *arguments, **options):
        """Runs `freshet subcommand -c <its settings> arguments`; see freshet(). Words of a
        subcommand that come before -c are given as a tuple: ("state", "check")."""
        words = subcommand if isinstance(subcommand, tuple) else (subcommand,)
        return freshet(*words, "-c", self.config, *arguments, **options)

    # ---- what it costs ----

    def rss_bytes(self):
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_seconds(self):
        """Of all its threads, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
