"""Writes avro_golden.txt: one record of each type as fastavro writes it, in hex.

    make_avro_golden.py > tests/golden/avro_golden.txt

Run from the source root, once, when a schema has changed; test_avro_golden.c holds the same
values as structs. Every value differs from every other, so that no two fields can be mixed up.
"""

import datetime
import decimal
import io
import json

import fastavro


def at(ms):
    return datetime.datetime.fromtimestamp(0, datetime.timezone.utc) + datetime.timedelta(milliseconds=ms)


def money(text):
    return decimal.Decimal(text)


def message(**texts):
    return {
        "message_id": "m-1", "user_id": "u-2", "item_id": "i-3", "channel": "EMAIL", "purpose": "MARKETING",
        "campaign": "c-4", "step": 5, "trigger": {"type": "t-6", "instance": "e-7", "time": at(1008)},
        "event_time": at(1009), "not_before": at(1010), "expires_at": at(1011), "locale": "l-12", **texts,
        "items": [
            {"item_id": "i-13", "reason": "FACTORS", "price": money("14.1500"), "currency": "c-16", "price_version": 17},
            {"item_id": "i-18", "reason": "POPULAR", "price": money("-0.0019"), "currency": "c-20", "price_version": 21},
        ],
        "facts": [{"span": "s-22", "field": "f-23", "value": "v-24", "version": 25}],
        "generated": {"tier": "t-26", "model": "m-27", "template": "t-28", "variant": "v-29", "content_id": "c-30", "approved_by": "a-31"},
        "choice": {"layer": "l-32", "arm": "a-33", "propensity": 0.25, "model_version": "v-34"},
        "consent": {"revision": 35, "basis": "b-36"},
    }  # fmt: skip


RECORDS = {
    "click_event": {
        "event_id": "e-1", "user_id": "u-2", "session_id": "s-3", "type": "ADD_TO_CART", "item_id": "i-4",
        "event_time": at(1700000000005), "query": "q-6", "quantity": 7, "price": money("8.0900"), "currency": "EUR",
        "request_id": "r-10", "message_id": "m-11", "position": -12, "device": "d-13", "locale": "l-14",
        "attributes": {"größe": "15", "k-16": ""},
    },
    "order_event": {
        "event_id": "e-1", "order_id": "o-2", "user_id": "u-3", "status": "RETURNED", "event_time": at(4), "currency": "c-5",
        "lines": [{"item_id": "i-6", "quantity": 7, "unit_price": money("99999999999999.9999")},
                  {"item_id": "i-8", "quantity": 9, "unit_price": money("-99999999999999.9999")}],
        "request_id": None, "message_id": "m-10",
    },
    "catalog_item": {
        "item_id": "i-1", "title": "t-2", "description": "d-3", "brand": None, "category": ["c-4", "c-5"],
        "price": money("0.0000"), "currency": "c-6", "stock": 5000000000, "available": True, "attributes": {"k-7": "v-8"},
        "media": ["m-9"], "url": "u-10", "locale": "l-11", "updated_time": at(12),
    },
    "user": {
        "user_id": "u-1", "locale": "l-2", "time_zone": "t-3",
        "consents": [{"channel": "PUSH", "purpose": "ADS", "granted": True, "time": at(4), "method": "m-5", "text_version": None},
                     {"channel": "ONSITE", "purpose": "PROFILING", "granted": False, "time": at(-6), "method": None, "text_version": "v-7"}],
        "quiet_from": "21:00", "quiet_to": "08:00", "attributes": {}, "updated_time": at(8),
    },
    "engagement_event": {
        "event_id": "e-1", "user_id": "u-2", "message_id": "m-3", "channel": "SEO", "type": "UNSUBSCRIBED", "event_time": at(4),
    },
    "review_event": {
        "review_id": "r-1", "user_id": "u-2", "item_id": "i-3", "rating": 4, "text": "鞋子 👍", "locale": "l-5",
        "order_id": "o-6", "event_time": at(7),
    },
    "recommendation": {
        "request_id": "r-1", "user_id": "u-2", "trigger_event_id": "e-3", "event_time": at(4), "model": "m-5",
        "items": [{"item_id": "i-6", "score": 0.5, "reason": "RECENT", "propensity": 0.125},
                  {"item_id": "i-7", "score": -1.5, "reason": "UNKNOWN", "propensity": 1.0}],
    },
    "push_message": message(title="t-37", body="b-38", deep_link="d-39"),
    "email_message": message(subject="s-40", preheader="p-41", html="h-42", text="t-43", headers={"List-Unsubscribe": "u-44"}),
    "suppressed_message": {
        "message_id": "m-1", "user_id": "u-2", "channel": "SOCIAL", "purpose": "TRANSACTIONAL", "campaign": "c-3", "step": 4,
        "gate": "g-5", "reason": "r-6", "detail": "d-7", "rule_version": "v-8", "event_time": at(9),
    },
}  # fmt: skip

for name, record in RECORDS.items():
    with open(f"schemas/{name}.avsc", encoding="utf-8") as file:
        schema = fastavro.parse_schema(json.load(file))
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    print(name, out.getvalue().hex())
