"""A real Apache Kafka and a real registry on loopback.

`shared_cluster()` is the one that ctest's fixture started (FRESHET_SHARED_KAFKA names its
settings file); a test that is run by hand gets its own. A test that stops the broker or fills it
wants `own_cluster()`. Both servers are children of the test, started through deploy/kafka/kafka.sh.
"""

import os
import random
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import requests
from confluent_kafka.admin import AdminClient

from .waiting import WITH_PARENT, at_exit, make_folder

# librdkafka writes a line per failed connection, and tests stop brokers on purpose.
QUIET = {"log_level": 0}

ROOT = Path(__file__).resolve().parents[3]
KAFKA_SH = ROOT / "deploy" / "kafka" / "kafka.sh"
REGISTRY_PATH = "/apis/ccompat/v7"


def free_port():
    """A port below the range of outgoing connections: while a server is stopped, a client that
    keeps connecting to it could otherwise be given that very port and keep it busy."""
    for _ in range(100):
        port = random.SystemRandom().randrange(10000, 30000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port between 10000 and 30000")


class _Server:
    """One Java server: same folder and port in each of its lives, so it keeps its data."""

    kind = None  # what kafka.sh calls it

    def __init__(self, port=None, folder=None):
        self.port = port or free_port()
        self.folder = folder or make_folder(self.kind)
        self.log = self.folder / f"{self.kind}.log"
        self.process = None
        at_exit(self.kill)

    def start(self, timeout=60):
        """Starts it and waits until it answers."""
        self.launch()
        return self.wait(timeout)

    def launch(self):
        """Starts it. From the main thread only: the kernel ties its life to the thread's."""
        assert not self.running, f"the {self.kind} runs already"
        if self._listens():  # else another server's answer could be taken for ours
            raise RuntimeError(f"port {self.port} is busy, so the {self.kind} cannot start there")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*WITH_PARENT, KAFKA_SH, "run", self.kind, self.folder, str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def wait(self, timeout=60):
        """Waits until it answers."""
        deadline = time.monotonic() + timeout
        while not (self._answers() and self.running):
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the {self.kind} did not start on port {self.port}; its last "
                                   f"words:\n{self._last_words()}")
            time.sleep(0.1)
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def answers(self):
        """It is there and serves, now."""
        return self.running and self._answers()

    def stop(self, timeout=30):
        """SIGTERM; SIGKILL if it takes longer than timeout."""
        self._signal(signal.SIGTERM)
        if self.process is not None:
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        """SIGKILL, as a machine that loses its power."""
        self._signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def restart(self):
        self.stop()
        return self.start()

    def pause(self):
        """SIGSTOP: it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        if self.running:
            self.process.send_signal(number)

    def _last_words(self, n=30):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-n:])

    def _listens(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2):
                return True
        except OSError:
            return False

    def __enter__(self):
        return self if self.running else self.start()

    def __exit__(self, *_):
        self.stop()


class KafkaBroker(_Server):
    kind = "broker"

    @property
    def bootstrap(self):
        return f"127.0.0.1:{self.port}"

    def _answers(self):
        if not self._listens():
            return False
        try:
            AdminClient({"bootstrap.servers": self.bootstrap, **QUIET}).list_topics(timeout=5)
            return True
        except Exception:  # it listens before it answers
            return False


class Registry(_Server):
    """Apicurio keeps everything in memory: after a restart it is empty."""

    kind = "registry"

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}{REGISTRY_PATH}"

    def _answers(self):
        try:  # its own default level is NONE
            return self._listens() and requests.put(
                f"{self.url}/config", json={"compatibility": "BACKWARD"}, timeout=5).ok
        except requests.RequestException:
            return False


class Door:
    """A port in front of a server, that can be shut: connections are refused then, and those there
    are end. So a server can be away without losing what it holds in memory."""

    def __init__(self, port):
        self.port, self._to = free_port(), port
        self._listener, self._open, self._lock = None, [], threading.Lock()
        self.open()
        at_exit(self.shut)

    def open(self):
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._admit, args=(self._listener,), daemon=True).start()

    def shut(self):
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread in accept()
            self._listener.close()
        self._listener = None
        with self._lock:
            for end in self._open:
                end.close()
            self._open.clear()

    def _admit(self, listener):
        while True:
            try:
                ends = listener.accept()[0], socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # shut
                return
            with self._lock:
                self._open += ends
            for source, sink in (ends, ends[::-1]):
                threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    @staticmethod
    def _carry(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


class Cluster:
    """Where to find a Kafka and a registry; broker and registry are None if they are shared."""

    def __init__(self, bootstrap, registry_url, broker=None, registry=None):
        self.bootstrap = bootstrap
        self.registry_url = registry_url
        self.broker = broker
        self.registry = registry
        self._admin = None

    @property
    def admin(self):
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})
        return self._admin

    def close(self):
        """Stops the servers if they are its own."""
        self._admin = None
        for server in (self.registry, self.broker):
            if server:
                server.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def own_cluster(with_registry=True):
    servers = [KafkaBroker()] + ([Registry()] if with_registry else [])
    for server in servers:
        server.launch()
    for server in servers:
        server.wait()
    registry = servers[1] if with_registry else None
    return Cluster(servers[0].bootstrap, registry and registry.url, servers[0], registry)


def shared_cluster():
    path = os.environ.get("FRESHET_SHARED_KAFKA")
    if not path:
        return own_cluster()
    settings = dict(line.split("=", 1) for line in Path(path).read_text().split())
    return Cluster(settings["BOOTSTRAP_SERVERS"], settings["REGISTRY_URL"])
