#!/usr/bin/python3
"""alerts.py - portwatch-alerts under load: how fast a backlog goes, and whether kills lose or repeat an alert.

    bench/alerts.py backlog [--monitors 100000] [--rounds 4] [--down 0.0] [--build build]
    bench/alerts.py kill    [--seed 1] [--kills 100] [--cut 0.0] [--build build]

backlog: a real redis-server holds N x 3 x ROUNDS results that nobody has read; the process is let go and its CPU time until
it has read, decided and stored them all is printed, with its memory and how long a restart takes to load and replay.
kill: 400 monitors go up and down while the process is killed (or, in a share --cut of the cases, its link to Redis is cut) at random
moments; in the end every change must stand in the events once, begin and end paired, and the outbox must hold the same.
Needs python3-msgpack.
"""
import argparse, collections, json, msgpack, os, random, re, shutil, signal, subprocess, sys, tempfile, time, urllib.request

import harness

REGIONS = ("eu", "us", "ap")
TICKS = os.sysconf("SC_CLK_TCK")
DOWN = 'portwatch_alerts_decisions_total{kind="monitor.down",resolved="no"}'


class OwnRedis(harness.Redis):
    """A redis-server of our own, and a link to it."""

    def __init__(self, folder):
        self.server = subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=open(f"{folder}/redis.log", "w"))
        self.server.stdin.write(f'port 0\nunixsocket {folder}/s\ndir {folder}\nsave ""\n'.encode())
        self.server.stdin.close()
        self.url = f"unix://{folder}/s"
        while not os.path.exists(f"{folder}/s") and self.server.poll() is None:
            time.sleep(0.02)
        super().__init__(f"{folder}/s")


def shard_of(name, shards):
    h = 0xCBF29CE484222325
    for c in name.encode():
        h = ((h ^ c) * 0x100000001B3) & (2**64 - 1)
    return (((h * 0x9E3779B97F4A7C15) & (2**64 - 1)) >> 32) * shards >> 32


def result(name, slot, is_up, attempt=0):
    return [name, slot, attempt, 1 if is_up else 2, None, "127.0.0.1", 9, 20, 30, 1, 0, None if is_up else 111, None, None]


def entries(region, shard, slot, rows):
    for k in range(0, len(rows), 64):
        part = rows[k : k + 64]
        yield ("XADD", "pw:{%s.%d}:res" % (region, shard), "*", "v", 1, "n", len(part), "slot", slot, "region", region, "engine",
               "bench", "b", msgpack.packb(part))


def define(redis, names, shards, interval_ms):
    redis.ask("SET", "pw:settings", json.dumps({"regions": REGIONS, "shards": shards}))
    monitor = json.dumps({"target": "127.0.0.1:9", "interval_ms": interval_ms, "timeout_ms": 500})
    for k in range(0, len(names), 1000):
        redis.ask("HSET", "pw:monitors", *[w for n in names[k : k + 1000] for w in (n, monitor)])


def alive(redis, shards):
    redis.ask_all([("SET", "pw:{%s.%d}:hb:bench" % (r, s), "at=1", "PX", 15000) for r in REGIONS for s in range(shards)])
    redis.ask("SET", "pw:hb:scheduler:bench", "at=1", "PX", 15000)


def start(o, redis, folder, *more):
    log = open(f"{folder}/alerts.log", "a")
    return subprocess.Popen([f"{o.build}/portwatch-alerts", "--redis", redis.url, "--name", "bench", *more], stderr=log)


def live(folder, times):
    while open(f"{folder}/alerts.log").read().count("shard is live") < times:
        time.sleep(0.02)


# ---- backlog

def metric(port, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    return float(re.search(f"^{re.escape(name)} (.*)$", text, re.M).group(1))


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def backlog(o, redis, folder):
    names = [f"monitor-{i}" for i in range(o.monitors)]
    define(redis, names, 1, 60000)
    alive(redis, 1)
    p = start(o, redis, folder, "--metrics", "127.0.0.1:0")
    live(folder, 1)
    port = re.search(r"metrics_port=(\d+)", open(f"{folder}/alerts.log").read()).group(1)
    p.send_signal(signal.SIGSTOP)
    now = int(time.time() * 1000)
    for k in range(o.rounds):
        slot = now - (o.rounds - k) * 1000
        rows = [result(n, slot, i >= o.monitors * o.down) for i, n in enumerate(names)]
        for r in REGIONS:
            batch = list(entries(r, 0, slot, rows))
            for i in range(0, len(batch), 500):
                redis.ask_all(batch[i : i + 500])
        alive(redis, 1)
    before, began, want = cpu_s(p.pid), time.time(), o.monitors * len(REGIONS) * o.rounds
    p.send_signal(signal.SIGCONT)
    while metric(port, 'portwatch_alerts_results_total{watched="yes"}') < want:
        time.sleep(0.05)
        alive(redis, 1)
    used, wall = cpu_s(p.pid) - before, time.time() - began
    print(f"results {want}: {used:.2f} s of CPU, {wall:.2f} s: {want / used:.0f} a second of one core; "
          f"DOWN told: {metric(port, DOWN):.0f}")
    print(re.search(r"VmRSS:.*", open(f"/proc/{p.pid}/status").read()).group(0))
    p.kill()
    p.wait()
    began = time.time()
    p = start(o, redis, folder)
    live(folder, 2)
    print(f"restart: {time.time() - began:.2f} s until it decides, {o.monitors} monitors and {want} results read again")
    p.terminate()
    p.wait()


# ---- kill

def answer_rounds(redis, up, shards):
    for r in REGIONS:
        for s in range(shards):
            key = "pw:{%s.%d}:hot" % (r, s)
            for id, fields in redis.ask("XRANGE", key, "-", "+"):
                entry = dict(zip(fields[::2], fields[1::2]))
                options, jobs = msgpack.unpackb(entry[b"b"])
                slot = int(entry[b"slot"])
                rows = [result(j[0], slot, up[j[0]], options.get("attempt", 0)) for j in jobs]
                redis.ask_all([*entries(r, s, slot, rows), ("XDEL", key, id)])


def cut_link(redis):
    for line in redis.ask("CLIENT", "LIST").decode().splitlines():
        if "name=portwatch-alerts " in line:
            redis.ask("CLIENT", "KILL", "ID", line.split()[0].split("=")[1])


def told(redis, shards):
    """Events in order, and whether the outbox holds those that are told, each once."""
    events, ids, outbox = [], [], []
    for s in range(shards):
        for id, f in redis.ask("XRANGE", "pw:{alerts.%d}:events" % s, "-", "+"):
            events.append({k.decode(): v.decode() for k, v in zip(f[::2], f[1::2])})
        outbox += [f[1].decode() for id, f in redis.ask("XRANGE", "pw:{alerts.%d}:outbox" % s, "-", "+")]
    return events, sorted(outbox) == sorted(e["id"] for e in events if e["told"] == "1")


def wrong(events, name, changes):
    """False if the monitor's changes were told once each, an UP in the incident of its DOWN."""
    seen = [(e["type"], e["incident"]) for e in events if e["monitor"] == name and e["type"] in ("monitor.down", "monitor.up")]
    kinds = ["monitor.down" if k % 2 == 0 else "monitor.up" for k in range(changes)]
    return [t for t, _ in seen] != kinds or any(a[1] != b[1] for a, b in zip(seen[::2], seen[1::2]))


def kill(o, redis, folder):
    rnd, shards, names = random.Random(o.seed), 2, [f"m{i}" for i in range(400)]
    define(redis, names, shards, 10000)
    up, changes, changed = dict.fromkeys(names, True), dict.fromkeys(names, 0), dict.fromkeys(names, 0)
    alive(redis, shards)
    p, began, second, killed, end = start(o, redis, folder), time.time(), 0, 0, None
    next_kill = began + 1
    while end is None or time.time() < end:
        now = time.time()
        if now - began >= second:
            alive(redis, shards)
            for n in rnd.sample(names, 12) if killed < o.kills else []:
                if now - changed[n] > 32 and changes[n] < 4:  # two cycles: a third would be flapping
                    up[n], changed[n], changes[n] = not up[n], now, changes[n] + 1
            for place, r in enumerate(REGIONS):
                rows = collections.defaultdict(list)
                for i, n in enumerate(names):
                    if (i + place * 3) % 10 == second % 10:
                        rows[shard_of(n, shards)].append(result(n, int(now * 1000), up[n]))
                redis.ask_all([e for s in rows for e in entries(r, s, int(now * 1000), rows[s])])
            second += 1
        answer_rounds(redis, up, shards)
        if killed < o.kills and now >= next_kill:
            if rnd.random() < o.cut:
                cut_link(redis)
            else:
                p.kill()
                p.wait()
                p = start(o, redis, folder)
            killed, next_kill = killed + 1, now + 0.1 + rnd.random() * 2
            if killed == o.kills:
                end = now + 75  # for the last of them to recover
        time.sleep(0.02)
    events, outbox_is_right = told(redis, shards)
    bad = [n for n in names if wrong(events, n, changes[n])]
    ids = [e["id"] for e in events]
    print(f"seed {o.seed}: {killed} kills, {sum(changes.values())} changes, {len(events)} events, {len(ids) - len(set(ids))} ids twice, "
          f"outbox {'equals' if outbox_is_right else 'DIFFERS FROM'} what is told, monitors told wrongly: {len(bad)} {bad[:5]}")
    p.terminate()
    p.wait()
    return bool(bad) or not outbox_is_right or len(ids) != len(set(ids))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["backlog", "kill"])
    parser.add_argument("--monitors", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--down", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--cut", type=float, default=0.0)
    parser.add_argument("--build", default="build")
    o = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="pw-alerts-")
    redis = OwnRedis(folder)
    try:
        return (backlog if o.what == "backlog" else kill)(o, redis, folder)
    finally:
        redis.server.terminate()
        redis.server.wait()
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
