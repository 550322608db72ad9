"""Seeds for fuzz_avro_decode: make_avro_corpus.py FOLDER. From the source root."""

import json
import os
import random
import sys

sys.path.insert(0, "tests/avro")
from avro_random import Random, height, holds_itself, to_json  # noqa: E402

PAIRS = 60
LONGEST = 1000  # small seeds are mutated more often

folder = sys.argv[1]
os.makedirs(folder, exist_ok=True)
rnd = random.Random(7)
n = 0
while n < PAIRS:
    source = Random(rnd)
    writer = source.type_()
    if height(writer) > 100 or holds_itself(writer):
        continue
    reader = source.reader(writer)
    texts = [json.dumps(to_json(t)).encode() for t in (writer, reader)]
    seed = b"\xff".join([*texts, source.encode(writer)])
    if len(seed) <= LONGEST and not holds_itself(reader):
        with open(f"{folder}/pair_{n:02}", "wb") as file:
            file.write(seed)
        n += 1
with open("tests/golden/avro_golden.txt", encoding="utf-8") as golden:
    for line in golden:
        name, data = line.split()
        with open(f"{folder}/type_{name}", "wb") as file:
            file.write(b"\xff\xff" + bytes.fromhex(data))
