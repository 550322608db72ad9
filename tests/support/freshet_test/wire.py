"""Avro in the Confluent frame, by fastavro: byte 0, schema id as 4 bytes big-endian, body."""

import io
import json
import struct

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from .cluster import ROOT

MAGIC = 0


def schema_text(file):
    """The text of schemas/<file>.avsc."""
    return (ROOT / "schemas" / f"{file}.avsc").read_text()


def register(registry_url, subject, text):
    """Registers a schema text under a subject; its id."""
    with SchemaRegistryClient({"url": registry_url}) as client:
        return client.register_schema(subject, Schema(text, "AVRO"))


def frame(schema_id, body):
    return struct.pack(">bI", MAGIC, schema_id) + body


def unframe(value):
    """(schema id, body)"""
    magic, schema_id = struct.unpack_from(">bI", value)
    assert magic == MAGIC, f"magic byte {magic}"
    return schema_id, value[5:]


def _parse(text):
    # Own table of names: schemas of different files may define the same enum.
    return fastavro.parse_schema(json.loads(text), named_schemas={})


class Codec:
    """Encodes with registered schemas, decodes with whatever schema the registry names."""

    def __init__(self, registry_url):
        self.client = SchemaRegistryClient({"url": registry_url})
        self._by_id = {}

    def add(self, schema_id, text):
        self._by_id[schema_id] = _parse(text)

    def schema(self, schema_id):
        if schema_id not in self._by_id:
            self.add(schema_id, self.client.get_schema(schema_id).schema_str)
        return self._by_id[schema_id]

    def encode(self, schema_id, record):
        out = io.BytesIO()
        out.write(struct.pack(">bI", MAGIC, schema_id))
        fastavro.schemaless_writer(out, self.schema(schema_id), record, strict_allow_default=True)
        return out.getvalue()

    def decode(self, value):
        """The record, with timestamps as aware datetimes and money as Decimal; AssertionError if
        bytes are left over."""
        schema_id, body = unframe(value)
        source = io.BytesIO(body)
        record = fastavro.schemaless_reader(source, self.schema(schema_id), None)
        assert source.tell() == len(body), f"{len(body) - source.tell()} bytes left over"
        return record
