"""What events make of a person, by the words of INTERFACES and MODELS: the oracle's own account."""

from .wire import STRENGTH, name_hash

SESSION_GAP_MS = 30 * 60_000
SESSION_ITEMS, ITEMS, EVENT_IDS, CART = 30, 64, 32, 32
DAY_MS = 86_400_000
COUNTERS = {  # name: (actions, half-life)
    "views_7d": ({"view", "click"}, 7 * DAY_MS),
    "carts_7d": ({"add_to_cart"}, 7 * DAY_MS),
    "searches_7d": ({"search"}, 7 * DAY_MS),
    "wishes_7d": ({"wishlist"}, 7 * DAY_MS),
    "orders_90d": ({"order"}, 90 * DAY_MS),
    "returns_90d": ({"cancel"}, 90 * DAY_MS),
    "activity_1h": ({"view", "click", "add_to_cart", "search"}, 3_600_000),
}
RELATIVE, ABSOLUTE = 1e-4, 1e-6  # of counters, which the program keeps as 32-bit floats


class Person:
    def __init__(self):
        self.events = self.qualifying = 0
        self.first = self.last = self.session_start = 0
        self.items = []  # [item, time, action, n], newest first
        self.session = 0  # so many of them
        self.counters, self.counters_time = {}, 0
        self.event_ids = []  # newest first
        self.cart, self.cart_time, self.currency = [], 0, ""  # [item, quantity, price, time]
        self.profile = None

    @property
    def empty(self):
        return self.events == 0 and self.profile is None

    # ---- events ----

    def apply(self, event):
        """False: a duplicate, without effect. What was in the session before is left in before."""
        self.before = []
        if event.action == "profile":
            self._set_profile(event)
            return True
        if event.event_id in self.event_ids:
            return False
        self.event_ids = [event.event_id, *self.event_ids[:EVENT_IDS - 1]]
        if self.events == 0 or event.time - self.last > SESSION_GAP_MS:
            self.session, self.session_start = 0, event.time
        self.before = [tuple(item) for item in self.items[:min(self.session, 5)]]
        if event.action in STRENGTH:
            for item, _, _ in event.lines:
                self._touch(item, event)
        self._count(event)
        self._change_cart(event)
        self.first = event.time if self.events == 0 else min(self.first, event.time)
        self.last = event.time if self.events == 0 else max(self.last, event.time)
        self.events += 1
        return True

    def _set_profile(self, event):
        if event.record is None:  # erased
            self.__init__()
            self.before = []
            return
        record = event.record
        self.profile = {
            "updated_time": event.time, "locale": record["locale"],
            "time_zone": record["time_zone"], "quiet_from": record["quiet_from"],
            "quiet_to": record["quiet_to"],
            "consents": [{name: c[name] for name in ("channel", "purpose", "granted", "time")}
                         for c in record["consents"]]}

    def _touch(self, item, event):
        at = next((i for i, entry in enumerate(self.items) if entry[0] == item), len(self.items))
        entry, in_session = [item, event.time, event.action, 0], at < self.session
        if at < len(self.items):
            _, old_time, old_action, entry[3] = self.items.pop(at)
            entry[1] = max(old_time, event.time)
            if in_session and STRENGTH.get(old_action, 0) > STRENGTH[event.action]:
                entry[2] = old_action
        elif at == ITEMS:
            self.items.pop()
        entry[3] = min(entry[3] + 1, 255)
        self.items.insert(0, entry)
        if not in_session and self.session < SESSION_ITEMS:
            self.session += 1

    def _count(self, event):
        elapsed = event.time - self.counters_time if self.counters else 0
        for name, (actions, half_life) in COUNTERS.items():
            halving = 2.0 ** (-abs(elapsed) / half_life)
            value = self.counters.get(name, 0.0) * (halving if elapsed > 0 else 1)
            if event.action in actions:
                value += halving if elapsed < 0 else 1
            self.counters[name] = value
        if elapsed > 0 or self.counters_time == 0:
            self.counters_time = event.time

    def _change_cart(self, event):
        if event.action == "add_to_cart" and event.lines:
            self._add_to_cart(event)
        elif event.action in ("remove_from_cart", "order"):
            for item, quantity, _ in event.lines:
                line = next((line for line in self.cart if line[0] == item), None)
                if line is None:
                    continue
                line[1] -= quantity
                if event.action == "order" or line[1] <= 0:
                    self.cart.remove(line)
                self.cart_time = event.time

    def _add_to_cart(self, event):
        item, quantity, price = event.lines[0]
        line = next((line for line in self.cart if line[0] == item), None)
        if line is None:
            if len(self.cart) == CART:
                self.cart.pop(0)
            line = [item, 0, None, 0]
            self.cart.append(line)
        line[1] += quantity
        line[3] = self.cart_time = event.time
        line[2] = line[2] if price is None else price
        self.currency = event.currency or self.currency

    # ---- comparison ----

    def as_inspected(self):
        """What `freshet inspect` ought to say, but counters, timers and sends."""
        return {
            "events": self.events, "first_time": self.first, "last_time": self.last,
            "session_start": self.session_start, "qualifying_events": self.qualifying,
            "items": [{"item": f"{name_hash(item):016x}", "time": time, "action": action,
                       "events": n, "session": i < self.session}
                      for i, (item, time, action, n) in enumerate(self.items)],
            "counters_time": self.counters_time,
            "event_ids": [f"{name_hash(name):016x}" for name in self.event_ids],
            "cart": [(item, quantity, price, time) for item, quantity, price, time in self.cart],
            "profile": self.profile}

    def differences(self, line):
        """Sentences about a line of inspect that says something else."""
        said = dict(line)
        said["cart"] = [(c["item_id"], c["quantity"],
                         None if c["price"] is None else round(float(c["price"]) * 10_000),
                         c["time"]) for c in line["cart"]["lines"]]
        words = [f"{name} is {said[name]!r}, not {value!r}"
                 for name, value in self.as_inspected().items() if said[name] != value]
        if self.cart and (line["cart"]["time"], line["cart"]["currency"] or "") != \
                (self.cart_time, self.currency):
            words.append(f"the cart's time or currency is not {self.cart_time}, {self.currency}")
        for name, value in self.counters.items():
            found = line["counters"].get(name, 0)
            if abs(found - value) > ABSOLUTE + RELATIVE * abs(value):
                words.append(f"{name} is {found}, not {value}")
        return words
