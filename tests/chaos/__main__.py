"""python -m chaos --faults 40 --seed 7: storms of at most 50 faults each, one seed each."""

import argparse
import random
import sys
import time
from collections import Counter

from freshet_test import ROOT, own_cluster

from .storm import Storm

FAULTS_A_STORM = 50


def arguments():
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=40, help="in all")
    parser.add_argument("--seed", type=int, help="of the first storm; the next has the next number")
    parser.add_argument("--events", type=int, default=0, help="at least so many, in all")
    parser.add_argument("--rate", type=int, default=600, help="events a second")
    return parser.parse_args()


def main():
    wanted = arguments()
    seed = wanted.seed if wanted.seed is not None else random.SystemRandom().randrange(1 << 31)
    n_storms = -(-wanted.faults // FAULTS_A_STORM)
    folder = ROOT / "build" / "chaos"
    folder.mkdir(parents=True, exist_ok=True)
    begun, counted, failed = Counter(), Counter(), []
    start = time.monotonic()
    with own_cluster() as cluster, open(folder / f"report-{seed}.txt", "w") as report:
        def say(line):
            print(line, flush=True)
            print(line, file=report, flush=True)

        for number in range(n_storms):
            n = min(FAULTS_A_STORM, wanted.faults - number * FAULTS_A_STORM)
            with Storm(cluster, seed + number, n, wanted.events * n // wanted.faults, wanted.rate,
                       say) as storm:
                ok = storm.run()
            begun += storm.begun
            begun += Counter({f"  at {point}": hits for point, hits in storm.struck.items()})
            counted += storm.counted
            if not ok:
                failed.append(seed + number)
            say(f"storm of seed {seed + number}: {'all equal' if ok else 'BROKEN'}")
        total = sum(n for name, n in begun.items() if not name.startswith(" "))
        say(f"{total} faults in {time.monotonic() - start:.0f} s, seeds {seed} to "
            f"{seed + n_storms - 1}")
        for name, n in sorted(begun.items()):
            say(f"{n:6d} {name}")
        say(", ".join(f"{n} {what}" for what, n in counted.items()
                      if not what.startswith("persons")))
        say(f"broken: seeds {failed}" if failed else "nothing lost, nothing twice, all equal")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
