#!/usr/bin/env python3
"""engine_cost.py - what a probe costs in the whole engine, beside the bare loop, on the same path in the same run.

In: the programs of a build folder.  Out: a table, each bound with held or missed, and one JSON file with every figure
and command.  A missed bound is no failure of the run: on a busy machine it says little, see the quartiles.
Path: a private network namespace without a default route, and a scripted TUN peer in a process of its own that answers
(or not).  Redis is private, on a unix socket.  Bare loop and engine alternate, so that a disturbance of the machine
touches both; what counts is the ratio within a round, to the mean of the bare loop before and after.  CPU is the
process's own clock (clock_getcpuclockid), read from outside before and after.  In between nothing is charged to the
engine that the bare loop does not have: jobs are written while it is stopped (their producer is a third process on what
may be two processors), and Redis, not the engine's metrics page, is asked whether all is acknowledged.
"""
import argparse
import json
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

NS_PER_S = 1e9


def cpu_s(pid):
    """CPU seconds of another process: the clock id that clock_getcpuclockid(3) makes."""
    return time.clock_gettime_ns((~pid << 3) | 2) / NS_PER_S


def rss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Rss:\s+(\d+) kB", f.read(), re.M).group(1))


class Bench:
    def __init__(self, build, quick):
        self.build = os.path.abspath(build)
        self.quick = quick
        self.ns = f"pwbench{os.getpid()}"
        self.dir = tempfile.mkdtemp(prefix="pw-bench-")
        self.children = []
        self.say_commands = []

    # ---- processes -------------------------------------------------------------------------------------------

    def start(self, argv, in_ns=True, **kw):
        if in_ns:
            argv = ["ip", "netns", "exec", self.ns] + argv
        child = subprocess.Popen(argv, **kw)
        self.children.append(child)
        return child

    def run(self, argv, in_ns=True, **kw):
        if in_ns:
            argv = ["ip", "netns", "exec", self.ns] + argv
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=600, **kw).stdout

    def stop(self, child):
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(20)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self.children.remove(child)

    def __enter__(self):
        subprocess.run(["ip", "netns", "add", self.ns], check=True)
        subprocess.run(["ip", "-n", self.ns, "link", "set", "lo", "up"], check=True)
        self.peer = self.start([f"{self.build}/tests/tun-peer", "--tun", "pw0", "--local4", "198.18.0.1/15", "--local6", "none",
                                "1000-1999=open", "2000-2999=open,after=20ms", "5000-5999=silent"], stdout=subprocess.PIPE, text=True)
        if self.peer.stdout.readline().strip() != "ready":
            raise SystemExit("bench: the scripted peer did not start")
        self.sock = f"{self.dir}/redis.sock"
        self.redis = self.start(["redis-server", "-"], in_ns=False, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.redis.stdin.write(f"port 0\nunixsocket {self.sock}\ndir {self.dir}\nsave \"\"\nmaxmemory-policy noeviction\n")
        self.redis.stdin.close()
        while "eady to accept connections" not in (line := self.redis.stdout.readline()):
            if not line:
                raise SystemExit("bench: redis-server did not start")
        return self

    def __exit__(self, *_):
        for child in list(self.children):
            self.stop(child)
        subprocess.run(["ip", "netns", "del", self.ns], check=False)
        shutil.rmtree(self.dir, ignore_errors=True)

    # ---- Redis -----------------------------------------------------------------------------------------------

    def rcli(self, *argv):
        return subprocess.run(["redis-cli", "-s", self.sock, *argv], check=True, capture_output=True, text=True).stdout.strip()

    def push(self, count, ports, timeout):
        """count jobs over 256 addresses of the peer and the given ports."""
        path = f"{self.dir}/jobs"
        with open(path, "w") as f:
            for i in range(count):
                f.write(f"198.18.1.{i % 256}:{ports[i // 256 % len(ports)]}\n")
        self.run([f"{self.build}/portwatch", "jobs", "push", "--region", "bench", "--redis", f"unix://{self.sock}", "-f", path,
                  "--timeout", timeout, "--expires", "10m"])

    def engine(self, *options):
        errors = open(f"{self.dir}/engine.log", "w")
        child = self.start([f"{self.build}/portwatch-engine", "--region", "bench", "--redis", f"unix://{self.sock}", "--metrics", "127.0.0.1:0",
                            *options], stderr=errors)
        child.port = self.wait_log(r"msg=ready .*metrics_port=(\d+)")
        return child

    def wait_log(self, pattern):
        for _ in range(400):
            found = re.search(pattern, open(f"{self.dir}/engine.log").read())
            if found:
                return found.group(1)
            time.sleep(0.025)
        raise SystemExit("bench: the engine did not start:\n" + open(f"{self.dir}/engine.log").read())

    def metrics(self, engine):
        text = self.run(["curl", "-sf", f"http://127.0.0.1:{engine.port}/metrics"])
        return {m.group(1): float(m.group(2)) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}

    def wait_published(self, engine, count, limit_s):
        until = time.monotonic() + limit_s
        peak = 0
        while time.monotonic() < until:
            m = self.metrics(engine)
            peak = max(peak, m["portwatch_engine_connects_in_flight"])
            if m["portwatch_engine_jobs_published_total"] >= count:
                return m, peak
            time.sleep(0.25)
        raise SystemExit(f"bench: {count} results did not come within {limit_s} s")

    def wait_acknowledged(self, limit_s):
        """Until every entry of jobs was read and acknowledged, which is one transaction with its results."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            lines = self.rcli("XINFO", "GROUPS", "pw:{bench.0}:jobs").split("\n")
            group = dict(zip(lines[::2], lines[1::2]))
            if group["pending"] == "0" and group["lag"] == "0":
                return
            time.sleep(0.1)
        raise SystemExit(f"bench: the results did not come within {limit_s} s")

    # ---- measurements ------------------------------------------------------------------------------------------

    def bare(self, count, inflight, ports, timeout):
        line = self.run([f"{self.build}/bench/limit", "--count", str(count), "--inflight", str(inflight), "--timeout", timeout,
                         f"198.18.1.0-198.18.1.255:{ports[0]}-{ports[-1]}"])
        return json.loads(line)

    def whole(self, count, inflight, ports, timeout, connector):
        """Jobs in Redis to results in Redis; the engine is started first, so its start is not in the figures."""
        self.rcli("FLUSHALL")
        engine = self.engine("--slots", str(inflight + 64), "--lanes", "1", "--connector", connector)
        engine_before, redis_before = cpu_s(engine.pid), cpu_s(self.redis.pid)
        engine.send_signal(signal.SIGSTOP)
        self.push(count, ports, timeout)
        began = time.monotonic()
        engine.send_signal(signal.SIGCONT)
        self.wait_acknowledged(300)
        figures = {
            "count": count,
            "rate": count / (time.monotonic() - began),
            "cpu_us_per_probe": (cpu_s(engine.pid) - engine_before) / count * 1e6,
            "redis_us_per_probe": (cpu_s(self.redis.pid) - redis_before) / count * 1e6,
        }
        m = self.metrics(engine)
        figures["verdicts"] = {k: v for k, v in m.items() if "verdicts_total" in k and v}
        if m["portwatch_engine_jobs_published_total"] != count or m["portwatch_engine_connects_total"] < 0.99 * count:
            raise SystemExit(f"bench: of {count} jobs {m['portwatch_engine_jobs_published_total']:.0f} were answered, by "
                             f"{m['portwatch_engine_connects_total']:.0f} connections")
        self.stop(engine)
        return figures

    def hold(self, engines, slots_each, seconds):
        """Unanswered connects in flight at one moment, and what memory that costs us."""
        self.rcli("FLUSHALL")
        running, before = [], []
        for i in range(engines):
            running.append(self.engine("--slots", str(slots_each), "--consumer", f"hold{i}"))
            before.append((rss_kb(running[-1].pid), self.metrics(running[-1]).get("portwatch_engine_memory_allocated_bytes", 0)))
        total = engines * slots_each
        self.push(total, list(range(5000, 5200)), f"{seconds}s")
        peak, own = 0, []
        until = time.monotonic() + seconds + 5
        while time.monotonic() < until and peak < total - 64 * engines:
            sums = [self.metrics(e) for e in running]
            now = sum(m["portwatch_engine_connects_in_flight"] for m in sums)
            if now >= peak:
                peak = now
                own = [(rss_kb(e.pid) - b[0], m.get("portwatch_engine_memory_allocated_bytes", 0) - b[1],
                        m["portwatch_engine_connects_in_flight"]) for e, b, m in zip(running, before, sums)]
        for e in running:
            self.stop(e)
        slots = sum(o[2] for o in own) or 1
        return {"engines": engines, "slots_each": slots_each, "in_flight_max": peak,
                "rss_bytes_per_slot": sum(o[0] for o in own) * 1024 / slots,
                "allocated_bytes_per_slot": sum(o[1] for o in own) / slots}


def compare(bench, name, rounds, count, inflight, ports, timeout):
    rows = []
    for i in range(rounds):
        a = bench.bare(count, inflight, ports, timeout)
        u = bench.whole(count, inflight, ports, timeout, "io_uring")
        after = bench.bare(count, inflight, ports, timeout)
        a["cpu_us_per_probe"] = (a["cpu_us_per_probe"] + after["cpu_us_per_probe"]) / 2
        e = bench.whole(count, inflight, ports, timeout, "epoll")
        rows.append({"bare": a, "io_uring": u, "epoll": e})
        print(f"  {name}: round {i + 1} of {rounds}: bare loop {a['cpu_us_per_probe']:.1f} us, engine {u['cpu_us_per_probe']:.1f}"
              f" (epoll {e['cpu_us_per_probe']:.1f}), redis-server {u['redis_us_per_probe']:.2f}", file=sys.stderr)
    return rows


def median(rows, pick):
    return statistics.median(pick(r) for r in rows)


def ratios(rows):
    return [r["io_uring"]["cpu_us_per_probe"] / r["bare"]["cpu_us_per_probe"] for r in rows]


def bounds(result):
    """What portwatch promises of itself, and whether this run bears it out."""
    found = []

    def at_most(what, value, bound, unit, note=""):
        found.append({"what": what, "value": value, "at_most": bound, "unit": unit, "held": value <= bound, "note": note})

    def at_least(what, value, bound, unit):
        found.append({"what": what, "value": value, "at_least": bound, "unit": unit, "held": value >= bound, "note": ""})

    for name, rows in result["cost"].items():
        low, _, high = statistics.quantiles(ratios(rows), n=4)
        at_most(f"engine CPU per probe, {name}", statistics.median(ratios(rows)), 1.25, "x the bare loop's",
                f", quartiles {low:.2f} and {high:.2f}")
        at_most(f"redis-server CPU per probe, {name}", median(rows, lambda r: r["io_uring"]["redis_us_per_probe"]), 1.5, "us")
    for h in result["hold"]:
        at_least("unanswered connects in flight, " + ("one process" if h["engines"] == 1 else f"{h['engines']} processes"),
                 h["in_flight_max"], 19000 if h["engines"] == 1 else 50000, "")
        at_most(f"own memory a slot, {h['engines']} process(es)", h["allocated_bytes_per_slot"], 300, "B allocated")
    return found


def bounds_table(found):
    out = ["", "bounds"]
    for b in found:
        bound = f"at most {b['at_most']:g}" if "at_most" in b else f"at least {b['at_least']:g}"
        value = f"{b['value']:.2f}" if b["value"] < 100 else f"{b['value']:.0f}"
        out.append(f"  {'held' if b['held'] else 'MISSED':<8}{b['what']:<48}{value:>8} {b['unit']} ({bound}{b['note']})".replace("  (", " ("))
    return "\n".join(out)


def table(result):
    out = ["", f"{'path':<28}{'bare loop':>12}{'engine':>10}{'ratio':>8}{'epoll':>10}{'ratio':>8}{'redis-server':>14}{'probes/s':>11}"]
    for name, rows in result["cost"].items():
        out.append(f"{name:<28}{median(rows, lambda r: r['bare']['cpu_us_per_probe']):>9.1f} us"
                   f"{median(rows, lambda r: r['io_uring']['cpu_us_per_probe']):>7.1f} us"
                   f"{median(rows, lambda r: r['io_uring']['cpu_us_per_probe'] / r['bare']['cpu_us_per_probe']):>8.2f}"
                   f"{median(rows, lambda r: r['epoll']['cpu_us_per_probe']):>7.1f} us"
                   f"{median(rows, lambda r: r['epoll']['cpu_us_per_probe'] / r['bare']['cpu_us_per_probe']):>8.2f}"
                   f"{median(rows, lambda r: r['io_uring']['redis_us_per_probe']):>11.2f} us"
                   f"{median(rows, lambda r: r['io_uring']['rate']):>11.0f}")
    out.append("(medians; ratio: engine process CPU per probe over the bare loop's, within a round)")
    out.append("")
    for h in result["hold"]:
        out.append(f"{h['engines']} engine(s): {h['in_flight_max']:.0f} unanswered connects in flight at once; own memory a slot:"
                   f" {h['allocated_bytes_per_slot']:.0f} B allocated, {h['rss_bytes_per_slot']:.0f} B resident")
    return "\n".join(out)


def main():
    ap = argparse.ArgumentParser(description="CPU and memory of a probe in the whole engine, beside the bare loop.")
    ap.add_argument("--build", default="build")
    ap.add_argument("--quick", action="store_true", help="fewer rounds, smaller counts")
    ap.add_argument("--json", help="write every figure there")
    a = ap.parse_args()
    rounds, count = (3, 30000) if a.quick else (15, 60000)
    with Bench(a.build, a.quick) as bench:
        result = {
            "host": {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count(),
                     "redis": bench.rcli("INFO", "server").split("redis_version:")[1].split()[0]},
            "cost": {
                "open after 20 ms": compare(bench, "open after 20 ms", rounds, count, 1000, list(range(2000, 2004)), "3200ms"),
                "open at once": compare(bench, "open at once", rounds, count, 1000, list(range(1000, 1004)), "3200ms"),
            },
            "hold": [bench.hold(1, 19900, 12), bench.hold(3, 16960, 16)],
        }
    result["bounds"] = bounds(result)
    print(table(result))
    print(bounds_table(result["bounds"]))
    if a.json:
        with open(a.json, "w") as f:
            json.dump(result, f, indent=1)


if __name__ == "__main__":
    main()
