#!/usr/bin/env python3
"""kills.py BUILD KILLS [SEED] - kills every process of the pipeline again and again, under load, and then counts.

Starts redis-server (AOF), a scheduler, one engine in each of three regions and portwatch-alerts over 300 monitors that are due
every two seconds.  KILLS times over, each of scheduler, engine, alerts and redis-server gets SIGKILL at a random phase and is
started again.  In the middle one target stops listening.  In the end every (monitor, region, slot) of the whole time must be a result or stand
among the missed with a reason, and exactly one monitor.down must have been told, of that target.
Run it in a network namespace of its own.
"""
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

import msgpack

REGIONS, MONITORS, INTERVAL_MS, SHARDS = ("eu", "us", "ap"), 300, 2000, 2


class Redis:
    """As much of a client as this needs; it connects again after a kill."""

    def __init__(self, path):
        self.path, self.file = path, None

    def reply(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("redis hung up")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind in b"$*" and rest == b"-1":
            return None
        if kind == b"$":
            return self.file.read(int(rest) + 2)[:-2]
        return [self.reply() for _ in range(int(rest))] if kind == b"*" else rest

    def ask(self, *words):
        if not self.file:
            link = socket.socket(socket.AF_UNIX)
            link.connect(self.path)
            self.file = link.makefile("rwb")
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        self.file.flush()
        return self.reply()

    def entries(self, key):
        last, out = "-", []
        while got := self.ask("XRANGE", key, last, "+", "COUNT", 1000):
            out += [dict(zip(f[::2], f[1::2])) for _, f in got]
            last = "(" + got[-1][0].decode()
        return out


class Pipeline:
    def __init__(self, build, folder):
        self.folder, self.running = folder, {}
        url = f"unix://{folder}/redis.sock"
        self.argv = {
            "redis": ["redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--dir", folder, "--save", "",
                      "--appendonly", "yes", "--maxmemory-policy", "noeviction"],
            "scheduler": [f"{build}/portwatch-scheduler", "--redis", url, "--name", "s"],
            "alerts": [f"{build}/portwatch-alerts", "--redis", url, "--name", "a"],
        }
        for region in REGIONS:
            self.argv[region] = [f"{build}/portwatch-engine", "--region", region, "--redis", url, "--shards", f"0-{SHARDS - 1}", "--policy", "any"]

    def start(self, name):
        log = open(f"{self.folder}/{name}.log", "ab+")
        log.seek(0, os.SEEK_END)
        at = log.tell()
        self.running[name] = subprocess.Popen(self.argv[name], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        ready = b"eady to accept connections" if name == "redis" else b"msg=ready"
        tail = subprocess.Popen(["tail", "-s", "0.02", "-c", f"+{at + 1}", "-f", f"--pid={self.running[name].pid}", log.name],
                                stdout=subprocess.PIPE)
        while line := tail.stdout.readline():
            if ready in line:
                break
        tail.kill()
        tail.wait()
        if not line:
            raise SystemExit(f"kills: {name} did not start:\n" + open(log.name).read()[-2000:])

    def kill(self, name):
        self.running[name].kill()
        self.running[name].wait()

    def end(self):
        for name in reversed(list(self.running)):
            self.running[name].send_signal(signal.SIGTERM)
            try:
                self.running[name].wait(20)
            except subprocess.TimeoutExpired:
                self.kill(name)


def slots_seen(redis):
    """(monitor, region) -> the slots that became a result or were missed."""
    seen, missed = {}, 0
    for region in REGIONS:
        for shard in range(SHARDS):
            for entry in redis.entries(f"pw:{{{region}.{shard}}}:res"):
                for row in msgpack.unpackb(entry[b"b"]):
                    if row[2] == 0:
                        seen.setdefault((row[0], region), set()).add(row[1])
            for entry in redis.entries(f"pw:{{{region}.{shard}}}:missed"):
                assert entry[b"reason"], "missed without a reason"
                for monitor in json.loads(entry[b"b"]):
                    missed += 1
                    seen.setdefault((monitor, region), set()).add(int(entry[b"slot"]))
    return seen, missed


def holes(seen, until_ms):
    """Slots between the first of each and until_ms that became nothing."""
    missing = []
    for key, slots in seen.items():
        first = min(slots)
        assert all((s - first) % INTERVAL_MS == 0 for s in slots), f"{key} has a slot off the grid"
        missing += [(key, s) for s in range(first, until_ms, INTERVAL_MS) if s not in slots]
    return missing


def main():
    build, kills = os.path.abspath(sys.argv[1]), int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    chance = random.Random(seed)
    print(f"seed {seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="pw-kills-")
    pipeline, redis = Pipeline(build, folder), Redis(f"{folder}/redis.sock")
    answer = subprocess.Popen([f"{build}/bench/answer", "--seconds", "1800", "127.0.0.1:7000"], stdout=subprocess.PIPE)
    doomed = socket.create_server(("127.0.0.1", 0), backlog=4096)
    answer.stdout.readline()
    try:
        pipeline.start("redis")
        redis.ask("SET", "pw:settings", json.dumps({"regions": REGIONS, "shards": SHARDS}))
        for i in range(MONITORS):
            port = doomed.getsockname()[1] if i == 0 else 7000
            redis.ask("HSET", "pw:monitors", f"m{i}", json.dumps({"target": f"127.0.0.1:{port}", "interval_ms": INTERVAL_MS,
                                                                 "timeout_ms": 1000}))
        for name in pipeline.argv:
            if name != "redis":
                pipeline.start(name)
        wait_until(lambda: len(slots_seen(redis)[0]) == MONITORS * len(REGIONS), 30, "every monitor has a first result")
        for n in range(kills):
            if n == kills // 2:
                doomed.close()
            for name in ("scheduler", chance.choice(REGIONS), "alerts", "redis"):
                time.sleep(chance.random() * 0.3)  # the phase at which it dies is what varies
                pipeline.kill(name)
                redis.file = None if name == "redis" else redis.file
                pipeline.start(name)
        until = int(time.time() * 1000)
        left = []

        def complete():
            left[:] = holes(slots_seen(redis)[0], until)
            return not left
        wait_until(complete, 150, "every slot is a result or missed", left)
        wait_until(lambda: downs(redis), 30, "the outage is told")
        told = downs(redis)
        assert told == ["m0"], f"told as down: {told}"
        seen, missed = slots_seen(redis)
        print(f"{4 * kills} kills; {sum(map(len, seen.values()))} slots of {len(seen)} monitors and regions: all accounted for, {missed} of them missed with a reason; "
              "one outage, told once")
    finally:
        pipeline.end()
        answer.kill()
        answer.wait()
    subprocess.run(["rm", "-rf", folder], check=False)


def downs(redis):
    return [e[b"monitor"].decode() for shard in range(SHARDS) for e in redis.entries(f"pw:{{alerts.{shard}}}:outbox")
            if e[b"type"] == b"monitor.down"]


def wait_until(condition, seconds, what, left=None):
    end = time.time() + seconds
    while not condition():
        if time.time() > end:
            raise SystemExit(f"kills: not within {seconds} s: {what}; {len(left or [])} left, e.g. {(left or [])[:5]}")
        time.sleep(0.5)


main()
