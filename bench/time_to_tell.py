#!/usr/bin/env python3
"""time_to_tell.py - how long after a port stops answering somebody is told.

The whole product in one network namespace of its own: `portwatch up` with its private Redis, one engine a region (each with
a source address of its own), monitors at 60 s, and a webhook that is this program.  Each monitor has one outage at a
random phase of the minute: half of them close their listening socket (closed), for the other half the packets are dropped by nft
(filtered).  Measured is from the outage to the arrival of the webhook that says monitor.down.
Prints percentiles beside the bounds, and with --json every figure.  Wants root; sends nothing beyond its namespace.
"""
import argparse
import collections
import datetime
import http.server
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BOUNDS_S = {9: {"closed": 10, "filtered": 17}, 3: {"closed": 25, "filtered": 32}}


class Hook(http.server.BaseHTTPRequestHandler):
    told = {}  # (monitor, type) -> (arrival, body) of the first
    again = {}  # webhook-id -> (monitor, type) and how often it came; a second id of the same kind is told twice
    lock = threading.Condition()

    def do_POST(self):
        at = time.time()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with Hook.lock:
            key = (body["data"].get("monitor"), body["type"])
            Hook.told.setdefault(key, (at, body))
            Hook.again.setdefault(self.headers["webhook-id"], [*key, 0])[2] += 1
            Hook.lock.notify_all()
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def listen(address):
    s = socket.socket()
    s.bind((address, 0))
    s.listen(64)
    return s


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(share * len(values)))] if values else float("nan")


def configuration(path, regions, monitors, hook_port, interval):
    with open(path, "w") as f:
        f.write("regions:\n")
        for i in range(regions):
            f.write(f"  - {{name: r{i + 1}, source: [127.0.1.{i + 1}]}}\n")
        f.write(f"defaults: {{interval: {interval}s, timeout: 3200ms}}\nmonitors:\n")
        for name, address, port in monitors:
            f.write(f'  - {{name: {name}, target: "{address}:{port}"}}\n')
        f.write(f'notify:\n  - {{name: bench, type: webhook, url: "http://127.0.0.1:{hook_port}/"}}\n')


def nft(*words):
    subprocess.run(["nft", *words], check=True)


class Outages:
    """One listener a monitor, and the ways to take it away."""

    def __init__(self, count):
        self.listener, self.kind = {}, {}
        nft("add", "table", "inet", "pw")
        nft("add", "set", "inet", "pw", "gone", "{ type ipv4_addr . inet_service; }")
        nft("add", "chain", "inet", "pw", "input", "{ type filter hook input priority 0; }")
        nft("add", "rule", "inet", "pw", "input", "ip daddr . tcp dport @gone drop")
        for i in range(count):
            address = f"127.0.2.{i % 250 + 1}"
            name = f"m{i}"
            self.listener[name] = listen(address)
            self.kind[name] = "closed" if i % 2 else "filtered"

    def monitors(self):
        return [(n, *s.getsockname()) for n, s in self.listener.items()]

    def begin(self, name):
        address, port = self.listener[name].getsockname()
        at = time.time()
        if self.kind[name] == "closed":
            self.listener[name].close()
        else:
            nft("add", "element", "inet", "pw", "gone", f"{{ {address} . {port} }}")
        return at


def run(build, regions, count, interval, seed):
    chance = random.Random(seed)
    outages = Outages(count)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Hook.told.clear()
    Hook.again.clear()
    folder = tempfile.mkdtemp(prefix="pw-ttt-")
    path = f"{folder}/bench.yaml"
    configuration(path, regions, outages.monitors(), server.server_port, interval)
    with open(f"{folder}/up.log", "w") as log:
        up = subprocess.Popen([f"{build}/portwatch", "up", "-c", path, "--state", f"{folder}/state"], stdout=log, stderr=log,
                              stdin=subprocess.DEVNULL)
    try:
        start = time.time() + interval + 10  # every region has looked at everything once
        due = sorted((start + chance.random() * interval, name) for name in outages.listener)
        began = {}
        for n, (at, name) in enumerate(due):
            while (left := at - time.time()) > 0:
                if up.poll() is not None:
                    raise SystemExit("bench: portwatch up ended:\n" + open(f"{folder}/up.log").read()[-3000:])
                with Hook.lock:
                    Hook.lock.wait(min(left, 1))
            began[name] = outages.begin(name)
            if sys.stderr.isatty():
                print(f"\r{regions} regions: outage {n + 1} of {count}", end="", file=sys.stderr, flush=True)
        last = time.time() + interval
        with Hook.lock:
            while time.time() < last and not all((n, "monitor.down") in Hook.told for n in began):
                Hook.lock.wait(1)
        if sys.stderr.isatty():
            print(file=sys.stderr)
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
        server.shutdown()
        nft("delete", "table", "inet", "pw")
        for s in outages.listener.values():
            s.close()
    rows, wrong, details = {"closed": [], "filtered": []}, [], []
    for name, at in began.items():
        told = Hook.told.get((name, "monitor.down"))
        if not told:
            wrong.append(f"{name}: never told")
            continue
        if told[0] < at:
            wrong.append(f"{name}: told before its outage")
        data = told[1]["data"]
        if data["verdict"] != outages.kind[name] or data["scope"] != "service":
            wrong.append(f"{name}: {data['verdict']}, {data['scope']} instead of {outages.kind[name]}, service")
        rows[outages.kind[name]].append(told[0] - at)
        details.append({"monitor": name, "kind": outages.kind[name], "began": at, "told": told[0], "data": data})
    downs = collections.Counter(m for m, kind, _ in Hook.again.values() if kind == "monitor.down")
    wrong += [f"{m}: told {n} times under different ids" for m, n in downs.items() if n > 1]
    others = [k for k in Hook.told if k[1] not in ("monitor.down", "system.problem")]
    return {"regions": regions, "interval_s": interval, "seed": seed, "seconds": rows, "wrong": wrong, "details": details,
            "repeats": sum(times - 1 for _, _, times in Hook.again.values()), "other_events": [f"{m} {t}" for m, t in others], "log": f"{folder}/up.log"}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--build", default="build")
    p.add_argument("--regions", type=int, nargs="*", default=[9, 3])
    p.add_argument("--outages", type=int, default=200, help="of each kind")
    p.add_argument("--interval", type=int, default=60)
    p.add_argument("--seed", type=int, default=int(time.time()))
    p.add_argument("--json")
    args = p.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("bench: root is needed for a network namespace of its own")
    if not os.environ.get("PW_IN_NAMESPACE"):
        os.environ["PW_IN_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-n", sys.executable, os.path.abspath(__file__), *sys.argv[1:]])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    runs = [run(os.path.abspath(args.build), n, 2 * args.outages, args.interval, args.seed) for n in args.regions]
    print(f"time from the outage to the webhook, {args.interval} s interval, seed {args.seed}, "
          f"{datetime.datetime.now():%Y-%m-%d %H:%M}, Linux {os.uname().release}")
    print(f"{'regions':8} {'kind':9} {'outages':>7} {'p50':>7} {'p90':>7} {'p99':>7} {'max':>7}   bound on p99")
    bad = False
    for r in runs:
        for kind, values in r["seconds"].items():
            bound = BOUNDS_S.get(r["regions"], {}).get(kind)
            p99 = percentile(values, 0.99)
            held = "" if bound is None else f"{bound} s, {'held' if p99 <= bound else 'MISSED'}"
            bad |= held.endswith("MISSED")
            print(f"{r['regions']:<8} {kind:9} {len(values):7} {percentile(values, .5):6.1f}s {percentile(values, .9):6.1f}s "
                  f"{p99:6.1f}s {max(values, default=float('nan')):6.1f}s   {held}")
        print(f"  deliveries that came again under the same id: {r['repeats']}")
        for line in r["wrong"][:10] + [f"also told: {e}" for e in r["other_events"][:10]]:
            print("  " + line)
        bad |= bool(r["wrong"])
    if args.json:
        with open(args.json, "w") as f:
            json.dump(runs, f, indent=1)
    sys.exit(bad)


main()
