#!/usr/bin/env python3
"""policy.py - what address policy, coalescing and the cap of a destination add to a probe.

In: the programs of a build folder.  Out: a line for each way of running the engine, CPU us a probe, medians, and the
differences within a round from the engine that asks nothing.  Path and jobs are those of engine_cost.py (no two jobs in flight
are the same, so nothing is saved either); the ways take turns, so that a disturbance of the machine touches all.
"""
import argparse
import os
import re
import statistics
import sys
import time

from engine_cost import Bench, cpu_s


def policy_file(bench):
    """As many rules as `public` has, none of which the peer's addresses meet, and the last one lets them pass."""
    path = f"{bench.dir}/policy"
    table = open(os.path.join(os.path.dirname(__file__), "..", "engine", "special_ranges.def")).read()
    with open(path, "w") as f:
        for address, bits in re.findall(r'^RANGE\("([^"]+)", (\d+)', table, re.M):
            if address not in ("198.18.0.0", "::ffff:0:0"):
                f.write(f"deny {address}/{bits}\n")
        f.write("allow any\n")
    return path


def one(bench, options, count):
    bench.rcli("FLUSHALL")
    engine = bench.engine("--slots", "1064", "--lanes", "1", *options)
    before = cpu_s(engine.pid)
    bench.push(count, list(range(2000, 2100)), "3200ms")
    m, _ = bench.wait_published(engine, count, 300)
    us = (cpu_s(engine.pid) - before) / count * 1e6
    assert m["portwatch_engine_connects_total"] == count, m
    bench.stop(engine)
    return us


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--build", default="build")
    ap.add_argument("--rounds", type=int, default=9)
    ap.add_argument("--count", type=int, default=40000)
    o = ap.parse_args()
    with Bench(o.build, True) as bench:
        ways = {
            "nothing": ["--policy", "any", "--coalesce", "no"],
            "policy private": ["--policy", "private", "--coalesce", "no"],
            "policy like public": ["--policy", policy_file(bench), "--coalesce", "no"],
            "coalescing": ["--policy", "any", "--coalesce", "yes"],
            "cap": ["--policy", "any", "--coalesce", "no", "--per-destination", "1000000"],
            "all": ["--policy", policy_file(bench), "--coalesce", "yes", "--per-destination", "1000000"],
        }
        rows = []
        for r in range(o.rounds):
            order = list(ways) if r % 2 else list(ways)[::-1]
            row = {}
            for way in order:
                row[way] = one(bench, ways[way], o.count)
                time.sleep(0.1)
            rows.append(row)
            print(f"  round {r + 1}: " + ", ".join(f"{w} {row[w]:.2f}" for w in ways), file=sys.stderr)
        for way in ways:
            more = [row[way] - row["nothing"] for row in rows]
            print(f"{way:<20}{statistics.median(row[way] for row in rows):>7.2f} us   {statistics.median(more):>+6.2f} us"
                  f"   ({min(more):+.2f} to {max(more):+.2f})")


if __name__ == "__main__":
    main()
