"""What the integration tests share. README.md in the folder above shows how a test looks.

    cluster.py    a real Kafka and registry: the one ctest started, or one of the test's own
    wire.py       schemas/*.avsc, the Confluent frame, registering
    topics.py     making, filling and reading topics with independent clients
    records.py    input records with few arguments
    process.py    `freshet` as a child: settings, signals, metrics, status
    feed.py       the shipped real data as input; what lists must be like
    shop.py       all of that together under one random name
    waiting.py    waiting for something to become true; cleaning up whatever happens
"""

from .cluster import Cluster, Door, KafkaBroker, Registry, free_port, own_cluster, shared_cluster
from .process import ROOT, FreshetProcess, freshet, freshet_binary
from .records import (catalog_item, click, consent, engagement, event_id, millis, money, now_ms,
                      order, review, user)
from .feed import Feed, check_exact, check_lists, qualifying, reasons, sources
from .shop import FILE_OF_TOPIC, INPUTS, TASK_TOPICS, Shop
from .topics import (Producer, Record, create_topics, delete_topics, end_offsets, group_offsets,
                     read_topic)
from .waiting import make_folder, seed, wait_until
from .wire import Codec, frame, register, schema_text, unframe

__all__ = [name for name in dir() if not name.startswith("_")]
