#!/usr/bin/env python3
"""Makes the demo's data from UCI Online Retail; README.md beside this file says what is recorded,
what is derived and what is invented. Same input, same bytes.

usage: make.py online-retail.csv[.gz] [OUTPUT-FOLDER] [--from 2011-10-01] [--to 2011-12-01]

The input has the columns InvoiceNo, StockCode, Description, Quantity, InvoiceDate, UnitPrice,
CustomerID, Country.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import re
import sys
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from statistics import median_low
from zoneinfo import ZoneInfo

SHOP_ZONE = ZoneInfo("Europe/London")
PRODUCT = re.compile(r"\d{5}[A-Z]{0,3}")  # POST, M, BANK CHARGES … are not products
LINE_MS = 15_000  # from one VIEW to the next
VIEW_TO_CART_MS = 6_000
CHECKOUT_MS = 20_000  # from the checkout to the order
CART_LIMIT_MS = 45 * 60_000  # a cart of 500 lines is filled faster
LEFT_ONE_IN = 10  # so many carts are filled hours before their order
HOUR_MS = 3_600_000

# Country as in the data: (locale, time zone). A country of several zones has its largest city's.
COUNTRIES = {
    "Australia": ("en-AU", "Australia/Sydney"), "Austria": ("de-AT", "Europe/Vienna"),
    "Bahrain": ("ar-BH", "Asia/Bahrain"), "Belgium": ("nl-BE", "Europe/Brussels"),
    "Brazil": ("pt-BR", "America/Sao_Paulo"), "Canada": ("en-CA", "America/Toronto"),
    "Channel Islands": ("en-GB", "Europe/Jersey"), "Cyprus": ("el-CY", "Asia/Nicosia"),
    "Czech Republic": ("cs-CZ", "Europe/Prague"), "Denmark": ("da-DK", "Europe/Copenhagen"),
    "EIRE": ("en-IE", "Europe/Dublin"), "Finland": ("fi-FI", "Europe/Helsinki"),
    "France": ("fr-FR", "Europe/Paris"), "Germany": ("de-DE", "Europe/Berlin"),
    "Greece": ("el-GR", "Europe/Athens"), "Hong Kong": ("en-HK", "Asia/Hong_Kong"),
    "Iceland": ("is-IS", "Atlantic/Reykjavik"), "Israel": ("he-IL", "Asia/Jerusalem"),
    "Italy": ("it-IT", "Europe/Rome"), "Japan": ("ja-JP", "Asia/Tokyo"),
    "Lebanon": ("ar-LB", "Asia/Beirut"), "Lithuania": ("lt-LT", "Europe/Vilnius"),
    "Malta": ("en-MT", "Europe/Malta"), "Netherlands": ("nl-NL", "Europe/Amsterdam"),
    "Norway": ("nb-NO", "Europe/Oslo"), "Poland": ("pl-PL", "Europe/Warsaw"),
    "Portugal": ("pt-PT", "Europe/Lisbon"), "RSA": ("en-ZA", "Africa/Johannesburg"),
    "Saudi Arabia": ("ar-SA", "Asia/Riyadh"), "Singapore": ("en-SG", "Asia/Singapore"),
    "Spain": ("es-ES", "Europe/Madrid"), "Sweden": ("sv-SE", "Europe/Stockholm"),
    "Switzerland": ("de-CH", "Europe/Zurich"), "USA": ("en-US", "America/New_York"),
    "United Arab Emirates": ("en-AE", "Asia/Dubai"), "United Kingdom": ("en-GB", "Europe/London"),
}


class Line:
    def __init__(self, row):
        self.invoice = row["InvoiceNo"]
        self.item = row["StockCode"].upper()
        self.title = " ".join(row["Description"].split())
        self.quantity = int(row["Quantity"])
        self.time = to_ms(row["InvoiceDate"])
        self.price = f"{float(row['UnitPrice']):.2f}"
        self.user = row["CustomerID"].split(".")[0]
        self.country = row["Country"]

    @property
    def is_sale_or_return(self):
        return bool(self.user and PRODUCT.fullmatch(self.item) and float(self.price) > 0)


def to_ms(text):
    local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=SHOP_ZONE)
    return int(local.timestamp() * 1000)


def draw(of, *what):
    """A number that depends on its arguments alone: what is invented is the same in each run."""
    digest = hashlib.sha256("/".join(what).encode()).digest()
    return int.from_bytes(digest[:8], "big") % of


# ---- catalogue and customers --------------------------------------------------------------


def titles(lines):
    """Item -> its commonest description. Descriptions mostly in small letters are the warehouse's
    notes ("damaged", "sold as set"), not names."""
    seen = defaultdict(Counter)
    for line in lines:
        if sum(map(str.isupper, line.title)) > sum(map(str.islower, line.title)):
            seen[line.item][line.title] += 1
    return {item: min(c, key=lambda t: (-c[t], t)) for item, c in seen.items()}


def readable(title):
    """WHITE HANGING HEART T-LIGHT HOLDER -> White Hanging Heart T-light Holder"""
    return " ".join(word[:1] + word[1:].lower() for word in title.split())


def catalog(lines, names, start):
    prices = defaultdict(list)
    for line in lines:
        if not line.invoice.startswith("C"):
            prices[line.item].append(float(line.price))
    for item in sorted({line.item for line in lines}):
        price = median_low(prices[item] or [float(l.price) for l in lines if l.item == item])
        yield {"item_id": item, "title": readable(names[item]), "category": [],
               "price": f"{price:.2f}", "currency": "GBP", "stock": None, "available": True,
               "attributes": {}, "media": [], "locale": "en-GB", "updated_time": start}


def consents(user, start):
    """Invented. Of a hundred people: e-mail 70 yes, 10 no, 20 never asked; push 60, 10, 30."""
    answers = []
    for channel, yes, no in (("EMAIL", 70, 10), ("PUSH", 60, 10)):
        place = draw(100, "consent", channel, user)
        if place < yes + no:
            answers.append({"channel": channel, "purpose": "MARKETING", "granted": place < yes,
                            "time": start, "method": "invented_for_the_demo"})
    return answers


def users(lines, start):
    country = {line.user: line.country for line in lines}  # the last one named
    for user in sorted(country):
        locale, zone = COUNTRIES.get(country[user], (None, None))
        quiet = draw(100, "quiet", user) < 30
        yield {"user_id": user, "locale": locale, "time_zone": zone,
               "consents": consents(user, start),
               "quiet_from": "21:00" if quiet else None, "quiet_to": "08:00" if quiet else None,
               "attributes": {"country": country[user]}, "updated_time": start}


# ---- events -------------------------------------------------------------------------------


def cart_events(invoice, lines):
    """How the cart of an invoice may have been filled: VIEW and ADD_TO_CART per line."""
    step = min(LINE_MS, CART_LIMIT_MS // len(lines))
    begin = lines[0].time - CHECKOUT_MS - step * len(lines)
    if draw(LEFT_ONE_IN, "left", invoice) == 0:
        begin -= (3 + draw(27, "hours", invoice)) * HOUR_MS
    for i, line in enumerate(lines):
        click = {"user_id": line.user, "session_id": f"s{invoice}", "item_id": line.item}
        viewed = begin + i * step
        yield "clickstream", {"event_id": f"v{invoice}-{i}", **click, "type": "VIEW",
                              "event_time": viewed}
        yield "clickstream", {"event_id": f"a{invoice}-{i}", **click, "type": "ADD_TO_CART",
                              "event_time": viewed + min(VIEW_TO_CART_MS, step // 2),
                              "quantity": line.quantity, "price": line.price, "currency": "GBP"}


def order_event(event_id, order_id, status, lines):
    return "orders", {"event_id": event_id, "order_id": order_id, "user_id": lines[0].user,
                      "status": status, "event_time": lines[0].time, "currency": "GBP",
                      "lines": [{"item_id": line.item, "quantity": abs(line.quantity),
                                 "unit_price": line.price} for line in lines]}


def sale_events(invoice, lines):
    yield from cart_events(invoice, lines)
    yield "clickstream", {"event_id": f"c{invoice}", "user_id": lines[0].user,
                          "session_id": f"s{invoice}", "type": "CHECKOUT_START",
                          "event_time": lines[0].time - CHECKOUT_MS}
    yield order_event(f"o{invoice}", invoice, "PLACED", lines)


def cancel_events(invoice, lines, orders_of):
    """A cancellation names no order. Each of its lines is put to the customer's latest earlier
    order with that item; what has none in the slice keeps the cancellation's own number."""
    by_order = defaultdict(list)
    for line in lines:
        order = next((name for name, items in reversed(orders_of[line.user])
                      if line.item in items), invoice)
        by_order[order].append(line)
    for n, order in enumerate(sorted(by_order)):
        yield order_event(f"x{invoice}-{n}", order, "CANCELLED", by_order[order])


def events(lines):
    invoices = defaultdict(list)  # in the order of time: the input's
    for line in lines:
        invoices[line.invoice].append(line)
    orders_of = defaultdict(list)  # user -> [(invoice, items)], oldest first
    for invoice, of in invoices.items():
        user = of[0].user
        assert all(line.user == user for line in of), f"invoice {invoice} has two customers"
        if invoice.startswith("C"):
            yield from cancel_events(invoice, of, orders_of)
        else:
            sold = [line for line in of if line.quantity > 0]
            if sold:
                orders_of[user].append((invoice, {line.item for line in sold}))
                yield from sale_events(invoice, sold)


# ---- files --------------------------------------------------------------------------------


def write(path, rows):
    n = 0
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed, \
            io.TextIOWrapper(packed, "utf-8", newline="\n") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n")
            n += 1
    print(f"{path.name}: {n} lines, {path.stat().st_size / 1e6:.2f} MB", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("csv", type=Path)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument("--from", dest="begin", default="2011-10-01")
    parser.add_argument("--to", dest="end", default="2011-12-01")
    options = parser.parse_args()
    begin, end = (to_ms(f"{day} 00:00:00") for day in (options.begin, options.end))

    opener = gzip.open if options.csv.suffix == ".gz" else open
    with opener(options.csv, "rt", encoding="utf-8", newline="") as file:
        every = [Line(row) for row in csv.DictReader(file)]
    names = titles(every)
    # What has no name in capitals is no product either ("Next Day Carriage").
    lines = [l for l in every
             if begin <= l.time < end and l.is_sale_or_return and l.item in names]

    # Filled carts reach back before the first invoice; customers and catalogue were there before.
    start = begin - 48 * HOUR_MS
    write(options.folder / "catalog.jsonl.gz", catalog(lines, names, start))
    write(options.folder / "users.jsonl.gz", users(lines, start))
    merged = sorted(events(lines), key=lambda e: (e[1]["event_time"], e[1]["event_id"]))
    write(options.folder / "events.jsonl.gz",
          ({"topic": topic, "record": record} for topic, record in merged))


if __name__ == "__main__":
    main()
