"""Input records with few arguments; any other field of the schema may be given by name.

Times are milliseconds since 1970, and now if not given. Prices may be given as text or number.
"""

import itertools
import os
import time
from datetime import datetime
from decimal import Decimal

_numbers = itertools.count(1)


def now_ms():
    return time.time_ns() // 1_000_000


def millis(moment):
    """Milliseconds of the datetime that fastavro gives for a timestamp-millis."""
    assert isinstance(moment, datetime), moment
    return round(moment.timestamp() * 1000)


def money(amount):
    return Decimal(str(amount)).quantize(Decimal("0.0001"))


def event_id():
    """Unique within this machine's run of the test."""
    return f"e{os.getpid()}-{next(_numbers)}"


def click(user, item=None, type="VIEW", time=None, **fields):
    if "price" in fields and fields["price"] is not None:
        fields["price"] = money(fields["price"])
        fields.setdefault("currency", "GBP")
    return {"event_id": event_id(), "user_id": user, "type": type, "item_id": item,
            "event_time": now_ms() if time is None else time, **fields}


def order(user, lines, status="PLACED", time=None, **fields):
    """lines: (item, quantity, unit price) each."""
    name = event_id()
    return {"event_id": name, "order_id": f"o{name}", "user_id": user, "status": status,
            "event_time": now_ms() if time is None else time, "currency": "GBP",
            "lines": [{"item_id": item, "quantity": quantity, "unit_price": money(price)}
                      for item, quantity, price in lines], **fields}


def catalog_item(item, title=None, price="9.99", time=None, **fields):
    return {"item_id": item, "title": title or f"Item {item}", "category": [],
            "price": money(price), "currency": "GBP", "attributes": {}, "media": [],
            "locale": "en-GB", "updated_time": now_ms() if time is None else time, **fields}


def consent(channel, purpose="MARKETING", granted=True, time=None):
    return {"channel": channel, "purpose": purpose, "granted": granted,
            "time": now_ms() if time is None else time}


def user(user_id, consents=(), time=None, **fields):
    return {"user_id": user_id, "consents": list(consents), "attributes": {},
            "updated_time": now_ms() if time is None else time, **fields}


def engagement(user_id, message_id, channel, type, time=None):
    return {"event_id": event_id(), "user_id": user_id, "message_id": message_id,
            "channel": channel, "type": type, "event_time": now_ms() if time is None else time}


def review(user_id, item, rating, text="", time=None, **fields):
    return {"review_id": event_id(), "user_id": user_id, "item_id": item, "rating": rating,
            "text": text, "event_time": now_ms() if time is None else time, **fields}
