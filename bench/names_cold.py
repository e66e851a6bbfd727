#!/usr/bin/env python3
"""names_cold.py - whether a cold start of NAMES names delays the probes of literals.
Usage: names_cold.py [NAMES [SECONDS]]   (50000 names, 10 seconds)

200 literals a second for SECONDS, alone and again beside NAMES names that the engine was just given and has never heard of
(answered at once; again with answers that take two seconds).  How late literals start (start minus slot) is told for each,
and as a ratio to alone.  All on loopback; every target is 127.0.0.1, port 9 (closed)."""
import os, re, socket, subprocess, sys, tempfile, time
import msgpack
from names import BUILD, ROOT, metrics, wait_line

NAMES, SECONDS = (int(sys.argv[1]) if len(sys.argv) > 1 else 50000), (int(sys.argv[2]) if len(sys.argv) > 2 else 10)
STEP = 0.02


class Redis:
    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(path)
        self.read = self.link.makefile("rb")

    def reply(self):
        line = self.read.readline()
        kind, rest = line[:1], line[1:-2]
        if kind in b"$*" and rest == b"-1": return None
        if kind == b"$": return self.read.read(int(rest) + 2)[:-2]
        return [self.reply() for _ in range(int(rest))] if kind == b"*" else rest

    def ask(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        return self.reply()


def push(redis, region, jobs, expires=60000):
    for i in range(0, len(jobs), 64):
        part = jobs[i : i + 64]
        redis.ask("XADD", "pw:{%s.0}:jobs" % region, "*", "v", 1, "n", len(part), "slot", int(time.time() * 1000), "b",
                  msgpack.packb([{"expires_ms": expires}, part]))


def literals(redis, region):
    """How late each started, us, in order."""
    begun, sent, number = time.monotonic(), 0, SECONDS * 200
    while sent < number:
        due = min(number, int((time.monotonic() - begun) * 200) + 1)
        push(redis, region, [["lit%d" % i, "127.0.0.1", 9] for i in range(sent, due)])
        sent = due
        time.sleep(STEP)
    late, last = {}, "0"
    while len(late) < number:
        for _, entries in redis.ask("XREAD", "COUNT", 500, "BLOCK", 5000, "STREAMS", "pw:{%s.0}:res" % region, last) or sys.exit("no results"):
            for last, fields in entries:
                for row in msgpack.unpackb(dict(zip(fields[::2], fields[1::2]))[b"b"]):
                    if row[0].startswith("lit"): late[row[0]] = row[9]
    return sorted(late.values())


def tell(what, late, alone):
    at = lambda list, share: list[min(len(list) - 1, int(len(list) * share))] / 1000
    print("%-44s p50 %7.2f ms  p99 %7.2f ms  most %7.2f ms" % (what, at(late, .5), at(late, .99), late[-1] / 1000), end="")
    print("   x %.2f, x %.2f" % (at(late, .5) / at(alone, .5), at(late, .99) / at(alone, .99)) if alone is not late else "")


def main():
    started = []
    with tempfile.TemporaryDirectory() as work:
        def start(name, *words):
            out = open(work + "/" + name, "w")
            started.append(subprocess.Popen(words, stdout=out, stderr=out))
            return started[-1], work + "/" + name
        try:
            sock = work + "/sock"
            redis, log = start("redis", "redis-server", "--port", "0", "--unixsocket", sock, "--save", "", "--dir", work)
            wait_line(log, "eady to accept", redis)
            dns, log = start("dns", sys.executable, ROOT + "/tests/peer/dns_server.py", "127.0.0.1", "0")
            dns_port = wait_line(log, r"port (\d+)\nready", dns).group(1)
            link, alone = Redis(sock), None
            for region, label in (("alone", None), ("quick", "a-127-0-0-1.ttl-600"), ("slow", "a-127-0-0-1.ttl-600.slow-2000")):
                engine, log = start("engine-" + region, BUILD + "/portwatch-engine", "--region", region, "--redis", "unix://" + sock,
                                    "--resolver", "127.0.0.1:" + dns_port, "--metrics", "127.0.0.1:0", "--policy", "any", "--coalesce", "no")
                port = wait_line(log, r"msg=ready.*metrics_port=(\d+)", engine).group(1)
                if label: push(link, region, [["n%d" % i, "%s.%s%d.test" % (label, region, i), 9] for i in range(NAMES)], 600000)
                before = metrics(port).get("jobs_resolving", 0)
                late = literals(link, region)
                alone = alone or late
                what = "alone" if not label else "beside %d names, answers %s" % (NAMES, "at once" if region == "quick" else "after 2 s")
                tell(what, late, alone)
                if label: print("    names that waited when the literals began %.0f, and when they had ended %.0f" % (before, metrics(port).get("jobs_resolving", 0)))
                engine.kill()
                engine.wait()
        finally:
            for process in reversed(started):
                process.kill()
                process.wait()


main()
