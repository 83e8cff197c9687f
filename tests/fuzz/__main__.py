"""Run many inputs and print those with a fault: `python -m tests.fuzz --inputs 10000 --seed 1`."""

from __future__ import annotations

import argparse
import itertools
import shlex
import sys
import threading
import time
from collections import Counter
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.kinds import KINDS, make_input
from tests.fuzz.outcomes import Outcome, Server, run_alone, write_files
from wakeproof.util.resources import processors

Row = tuple[int, Outcome]


def outcomes(
    seed: int, numbers: Iterable[int], kinds: Sequence[str], most: int
) -> Generator[Row, None, None]:
    """Yield how each input ends; `most` run at a time."""
    local = threading.local()
    servers: list[Server] = []

    def one(number: int) -> Row:
        if not hasattr(local, "server"):
            local.server = Server(seed, kinds)
            servers.append(local.server)
        return number, local.server.run(number)

    with ThreadPoolExecutor(most) as pool:
        try:
            yield from pool.map(one, numbers)
        finally:
            pool.shutdown(cancel_futures=True)
            for server in servers:
                server.close()


def show(seed: int, number: int, kinds: Sequence[str], folder: Path) -> None:
    """Write the files of an input to a folder, and run it there."""
    one = make_input(seed, number, kinds)
    write_files(one, folder)
    print(f"cd {folder}; {shlex.join(['wakeproof', *one.words_in(folder)])}", dict(one.variables))
    found = run_alone(one)
    print(found.fault(one.refused, one.prints_a_file) or "no fault", found, sep="\n")


def main() -> int:
    """Run the inputs that the options name; return 1 if one has a fault."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=400, help="number of inputs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the inputs")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="most seconds")
    parser.add_argument("--first", type=int, default=0, help="number of the first input")
    parser.add_argument("--kinds", default="", help=f"some of {','.join(KINDS)}")
    parser.add_argument("--show", type=int, help="run this input alone, and keep its files")
    parser.add_argument("--folder", type=Path, default=Path("build/fuzz"), help="for --show")
    options = parser.parse_args()
    kinds = options.kinds.split(",") if options.kinds else []
    if options.show is not None:
        show(options.seed, options.show, kinds, options.folder)
        return 0
    began = time.monotonic()
    counts: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    numbers = itertools.islice(itertools.count(options.first), options.inputs)
    found = outcomes(options.seed, numbers, kinds, processors())
    for number, outcome in found:
        one = make_input(options.seed, number, kinds)
        counts[one.kind] += 1
        statuses[outcome.status] += 1
        slowest = max(slowest, outcome.seconds)
        if fault := outcome.fault(one.refused, one.prints_a_file):
            counts["faults"] += 1
            print(f"{number} {one.kind}: {fault}: {shlex.join(one.words)} {dict(one.variables)}")
            print(f"    {outcome.errors[-600:].strip()}", flush=True)
        if time.monotonic() - began > options.seconds:
            break
    found.close()
    faults = counts.pop("faults", 0)
    print(f"seed {options.seed}, {sum(counts.values()):,} inputs: {faults} with a fault")
    print(", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items())))
    print(", ".join(f"status {status}: {count:,}" for status, count in sorted(statuses.items())))
    print(f"{time.monotonic() - began:.0f} s; the slowest {slowest:.1f} s")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
