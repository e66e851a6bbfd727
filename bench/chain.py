"""chain.py - the whole product under load: scheduler, engine, alerts and Redis, each with its CPU, its memory and
how late it is.

In: a Path.  Out: dictionaries for the report.
Open loop: what is due is due by the clock, whether or not what went before is done, and lateness counts from then: a
job's slot stands in it, and the engine publishes start minus slot.  The wire is what tcpdump saw of a sample of
targets.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import threading
import time

import field
from harness import Redis, cpu_s, distribution, rss_kb

HERE = os.path.dirname(os.path.abspath(__file__))
INTERVAL_MS = 60000
RATE_TARGET = 16700  # a million monitors a minute
LATE_US, RTT_US, ADDRESS, PORT = 9, 7, 5, 6  # columns of a result row


def unpackb(blob):
    import msgpack

    return msgpack.unpackb(blob)


# ---- processes -----------------------------------------------------------------------------------------------------


class Product:
    """Everything that runs for N monitors; the monitors are given as (name, target)."""

    def __init__(self, path, regions, interval_ms, keep="10m"):
        if path.kind != "tun":
            raise SystemExit("bench: there are no targets for this but behind the scripted peer; nothing was sent")
        self.path, self.regions, self.interval_ms = path, regions, interval_ms
        self.keep, self.running, self.ports = keep, {}, {}

    def fill(self, monitors):
        redis = Redis(self.path.sock)
        redis.ask("SET", "pw:settings", json.dumps({"regions": self.regions, "shards": 1}))
        for start in range(0, len(monitors), 500):
            words = ["HSET", "pw:monitors"]
            for name, target in monitors[start : start + 500]:
                words += [name, '{"target":"%s","interval_ms":%d,"timeout_ms":3200}' % (target, self.interval_ms)]
            redis.ask(*words)
        redis.ask("XADD", "pw:monitors:log", "*", "op", "settings")

    def one(self, name, argv, pattern):
        argv = [
            self.path.program(argv[0]),
            *argv[1:],
            "--redis",
            f"unix://{self.path.sock}",
            "--metrics",
            "127.0.0.1:0",
        ]
        self.path.note(name, argv)
        log = f"{self.path.dir}/{name}.log"
        with open(log, "w") as f:
            child = self.path.start(argv, stderr=f)
        self.running[name] = child
        until = time.monotonic() + 120
        while time.monotonic() < until:
            text = open(log).read()
            if found := re.search(r"metrics_port=(\d+)", text):
                self.ports[name] = found.group(1)
            if re.search(pattern, text) and name in self.ports:
                return child
            time.sleep(0.05)
        raise SystemExit(f"bench: {name} did not start:\n" + open(log).read()[-2000:])

    def __enter__(self):
        self.path.rcli("FLUSHALL")
        return self

    def start(self, monitors):
        self.fill(monitors)
        for region in self.regions:
            self.one(
                f"engine {region}",
                ["portwatch-engine", "--region", region, "--slots", "8000", "--keep-results", self.keep],
                "msg=ready",
            )
        self.one("alerts", ["portwatch-alerts"], "msg=ready")
        self.one("scheduler", ["portwatch-scheduler"], "msg=scheduling")

    def __exit__(self, *_):
        for child in reversed(list(self.running.values())):
            self.path.stop(child)

    def metrics(self, name):
        text = self.path.run(["curl", "-sf", f"http://127.0.0.1:{self.ports[name]}/metrics"])
        return {m.group(1): float(m.group(2)) for m in re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", text, re.M)}

    def published(self):
        return sum(self.metrics(f"engine {r}")["portwatch_engine_jobs_published_total"] for r in self.regions)

    def cpus(self):
        """Seconds by process; engines together."""
        sums = {"redis-server": cpu_s(self.path.redis.pid), "target": cpu_s(self.path.peer.pid)}
        for name, child in self.running.items():
            key = name.split()[0]
            sums[key] = sums.get(key, 0) + cpu_s(child.pid)
        return sums

    def memory_kb(self):
        return {
            "redis-server": rss_kb(self.path.redis.pid),
            **{name: rss_kb(c.pid) for name, c in self.running.items()},
        }

    def rows(self, region, from_ms, until_ms):
        """The result rows of these slots."""
        redis, start, rows = Redis(self.path.sock), f"{from_ms}-0", []
        while entries := redis.ask("XRANGE", "pw:{%s.0}:res" % region, start, f"{until_ms}-99999", "COUNT", "2000"):
            for _, fields in entries:
                rows += unpackb(dict(zip(fields[::2], fields[1::2]))[b"b"])
            start = "(" + entries[-1][0].decode()
        return rows


# ---- cost against load ---------------------------------------------------------------------------------------------


def load(path, count, settle_s, seconds, progress=None):
    """count monitors at 60 s in one region: CPU per probe of each process, and how late probes start."""
    with Product(path, ["bench"], INTERVAL_MS) as product:
        product.start(
            [
                (f"monitor-{i:07d}", f"198.18.{1 + (i >> 8 & 63)}.{i & 255}:{2000 + (i >> 14) % 1000}")
                for i in range(count)
            ]
        )
        time.sleep(settle_s)
        redis = Redis(path.sock)
        before, cpus, info, from_ms, began = (
            product.published(),
            product.cpus(),
            redis.info(),
            int(time.time() * 1000),
            time.monotonic(),
        )
        time.sleep(seconds)
        wall, after, until_ms = time.monotonic() - began, product.cpus(), int(time.time() * 1000)
        probes, info_after = product.published() - before, redis.info()
        memory = product.memory_kb()
        audit = product.metrics("scheduler")
        path.stop(product.running.pop("scheduler"))
        rows = product.rows("bench", from_ms, until_ms)
    net = {
        k: (int(info_after[k]) - int(info[k])) / max(1, probes)
        for k in ("total_net_input_bytes", "total_net_output_bytes", "total_commands_processed")
    }
    return {
        "monitors": count,
        "wall_s": wall,
        "probes": probes,
        "rate": probes / wall,
        "settle_s": settle_s,
        "cpu_us_per_probe": {k: (after[k] - cpus.get(k, 0)) / max(1, probes) * 1e6 for k in after if k != "target"},
        "cores": {k: (after[k] - cpus.get(k, 0)) / wall for k in after},
        "memory_kb": memory,
        "redis_per_probe": net,
        "late_us": distribution([max(0, r[LATE_US]) for r in rows]),
        "not_open": sum(r[3] != 1 for r in rows),
        "missed": audit.get('portwatch_scheduler_slots_total{outcome="missed"}', 0),
        "load": os.getloadavg(),
    }


# ---- the published round-trip time beside the wire -----------------------------------------------------------------


SPREAD = 2048  # addresses; of every 32nd packets are captured
SAMPLE = "198.18.1.0/26"


def read_capture(file):
    """{(target, port): {"syn": [ns], "synack": [ns]}} of a pcap file with nanoseconds, of packets without a link
    header."""
    import struct

    seen, data = {}, open(file, "rb").read()
    order = "<" if data[:4] == b"\x4d\x3c\xb2\xa1" else ">"
    at = 24
    while at + 16 <= len(data):
        sec, nsec, kept, _ = struct.unpack(order + "IIII", data[at : at + 16])
        packet = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        head = (packet[0] & 15) * 4
        flags = packet[head + 13]
        a, b = (
            (packet[16:20], packet[head + 2 : head + 4])
            if flags & 18 == 2
            else (packet[12:16], packet[head : head + 2])
        )
        key = (".".join(map(str, a)), int.from_bytes(b, "big"))
        seen.setdefault(key, {"syn": [], "synack": []})["syn" if flags & 18 == 2 else "synack"].append(
            sec * 10**9 + nsec
        )
    return seen


def open_loop(path, rate, seconds):
    """Entries of 64 jobs, each added when it is due; how late the adding itself was is given back too."""
    import msgpack

    redis, total = Redis(path.sock), int(rate * seconds) // 64
    blobs = []
    for e in range(total):
        jobs = []
        for i in range(e * 64, e * 64 + 64):
            host = f"198.18.{1 + (i % SPREAD >> 8)}.{i & 255}"
            jobs.append([f"m{i}", host, 2000 + i // SPREAD % 1000])
        blobs.append(msgpack.packb([{}, jobs]))
    start, done, late = time.time() + 0.2, 0, []
    while done < total:
        now = time.time()
        due = min(total, int((now - start) * rate / 64) + 1) if now >= start else 0
        if due > done:
            redis.ask_all(
                [
                    (
                        "XADD",
                        "pw:{bench.0}:jobs",
                        "*",
                        "v",
                        1,
                        "n",
                        64,
                        "slot",
                        int((start + k * 64 / rate) * 1000),
                        "b",
                        blobs[k],
                    )
                    for k in range(done, due)
                ]
            )
            late.append((time.time() - start - done * 64 / rate) * 1e6)
            done = due
        time.sleep(0.001)
    return start, total * 64, late


def driven(path, rate, seconds):
    """Jobs due at a fixed rate, until all are published."""
    path.rcli("FLUSHALL")
    engine = path.engine("--slots", "8000", "--lanes", "1")
    cpu = cpu_s(engine.pid)
    start, count, push_late = open_loop(path, rate, seconds)
    path.wait_published(engine, count, 60)
    wall = time.time() - start
    used = cpu_s(engine.pid) - cpu
    path.stop(engine)
    return {
        "rate": rate,
        "seconds": seconds,
        "probes": count,
        "rate_reached": count / wall,
        "cpu_us_per_probe": used / count * 1e6,
        "push_late_us": distribution([max(0, late) for late in push_late]),
    }


def capture_start(path, capture):
    """tcpdump on the sample, or the reason why not."""
    argv = f"tcpdump -i pw0 -w {capture} -s 80 -Z root --time-stamp-precision=nano -B 8192 -n".split()
    argv.append(f"net {SAMPLE} and tcp[13] & 2 != 0")
    try:
        tcpdump = path.start(argv, stderr=subprocess.PIPE, text=True)
    except FileNotFoundError:
        return None, "tcpdump is not installed (scripts/setup --bench)"
    path.note("wire", argv)
    while "listening on" not in (line := tcpdump.stderr.readline()):
        if not line:
            return None, "tcpdump did not start"
    return tcpdump, None


def rtt(path, rate, seconds):
    """Probes at a fixed rate, those of a sample captured: published minus wire, and how late probes start."""
    capture = f"{path.dir}/wire.pcap"
    tcpdump, why = capture_start(path, capture)
    figures = driven(path, rate, seconds)
    if tcpdump:
        path.stop(tcpdump)
    seen = read_capture(capture) if tcpdump else {}
    redis, at, errors, published, lates, retrans = Redis(path.sock), "-", [], [], [], 0
    while entries := redis.ask("XRANGE", "pw:{bench.0}:res", at, "+", "COUNT", "2000"):
        for _, fields in entries:
            for r in unpackb(dict(zip(fields[::2], fields[1::2]))[b"b"]):
                lates.append(max(0, r[LATE_US]))
                wire = seen.get((r[ADDRESS], r[PORT]))
                retrans += r[10] > 0
                if wire and r[RTT_US] and len(wire["syn"]) == 1 and len(wire["synack"]) == 1:
                    published.append(r[RTT_US])
                    errors.append(r[RTT_US] - (wire["synack"][0] - wire["syn"][0]) / 1000)
        at = "(" + entries[-1][0].decode()
    return {
        **figures,
        "wire_not_run": why,
        "samples": len(errors),
        "retransmitted": retrans,
        "error_us": distribution([abs(e) for e in errors]),
        "error_median_us": statistics.median(errors) if errors else None,
        "rtt_us": distribution(published),
        "late_us": distribution(lates),
    }


# ---- what Redis takes ----------------------------------------------------------------------------------------------


def redis_cost(path, count, ports):
    """CPU, bytes on its sockets, commands, and bytes of the append-only file, per probe; without and with that
    file."""
    found = {}
    for name, more in (("no AOF", []), ("AOF, fsync every second", ["appendonly yes", "appendfsync everysec"])):
        keep = path.redis, path.sock
        path.sock = f"{path.dir}/cost{len(found)}.sock"
        path.redis = path.start_redis(path.sock, *more)
        before = Redis(path.sock).info()
        try:
            figures = path.chain(count, 1000, ports, "3200ms")
            after = Redis(path.sock).info()
        finally:
            path.stop(path.redis)
            path.redis, path.sock = keep
        each = lambda key: (float(after[key]) - float(before.get(key, 0))) / count
        found[name] = {
            "cpu_us": figures["redis_cpu_s"] / count * 1e6,
            "engine_cpu_us": figures["cpu_s"] / count * 1e6,
            "in_bytes": each("total_net_input_bytes"),
            "out_bytes": each("total_net_output_bytes"),
            "commands": each("total_commands_processed"),
            "aof_bytes": each("aof_current_size") if more else None,
        }
    return found


# ---- memory against what is in flight ------------------------------------------------------------------------------


CONNECT_CACHES = re.compile(
    r"TCP$|sock_inode_cache|skbuff|request_sock|io_kiocb|pool_workqueue|eventpoll|filp|kmalloc-(96|128)$"
)


def kernel_kb():
    """What is in use of the kernel's object caches that a connect takes from (pool_workqueue is what others of that
    size are merged into); None where one may not look."""
    try:
        lines = open("/proc/slabinfo").read().splitlines()[2:]
    except OSError:
        return None
    return sum(int(w[1]) * int(w[3]) for w in map(str.split, lines) if CONNECT_CACHES.match(w[0])) / 1024


def at_rest():
    """Waits, 5 s at most, until what a run before has used is given back; that is done a little after its end."""
    last, until = kernel_kb(), time.monotonic() + 5
    while last is not None and time.monotonic() < until:
        time.sleep(0.3)
        now = kernel_kb()
        if abs(now - last) < 200:
            return
        last = now


def held(path, slots):
    """Unanswered connects in flight at one moment in one engine: own memory, and what the kernel's caches grew by."""
    path.rcli("FLUSHALL")
    engine = path.engine("--slots", str(slots))
    at_rest()
    before = rss_kb(engine.pid), path.metrics(engine).get("portwatch_engine_memory_allocated_bytes", 0), kernel_kb()
    path.push(slots, list(range(5000, 5200)), "9s")
    until, best = time.monotonic() + 8, None
    while time.monotonic() < until:
        m = path.metrics(engine)
        flying = m["portwatch_engine_connects_in_flight"]
        if not best or flying > best["in_flight"]:
            best = {
                "slots": slots,
                "in_flight": flying,
                "rss_kb": rss_kb(engine.pid) - before[0],
                "kernel_kb": kernel_kb() - before[2] if before[2] is not None else None,
                "allocated_kb": (m.get("portwatch_engine_memory_allocated_bytes", 0) - before[1]) / 1024,
            }
        if flying >= slots - 64:
            break
        time.sleep(0.1)
    engine.kill()  # nobody waits for what is in flight
    engine.wait()
    path.stop(engine)
    return best


# ---- what has a bench of its own -----------------------------------------------------------------------------------


def alerts(path, monitors):
    said = path.command(
        "alerts backlog",
        [sys.executable, f"{HERE}/alerts.py", "backlog", "--monitors", str(monitors), "--build", path.build],
        limit_s=300,
    )["said"]
    found = re.search(r"results (\d+): (\S+) s of CPU, (\S+) s: (\d+) a second of one core", said)
    restart = re.search(r"restart: (\S+) s", said)
    rss = re.search(r"VmRSS:\s+(\d+)", said)
    if not found:
        return {"not_run": said.strip()[-300:]}
    return {
        "monitors": monitors,
        "results": int(found.group(1)),
        "cpu_s": float(found.group(2)),
        "wall_s": float(found.group(3)),
        "results_per_cpu_s": int(found.group(4)),
        "rss_kb": int(rss.group(1)),
        "restart_s": float(restart.group(1)) if restart else None,
    }


def scheduler(path, monitors, settle_s, seconds):
    said = path.command(
        "scheduler",
        [
            sys.executable,
            f"{HERE}/scheduler.py",
            "--monitors",
            str(monitors),
            "--settle",
            str(settle_s),
            "--seconds",
            str(seconds),
            "--build",
            path.build,
        ],
        limit_s=400,
    )["said"]
    take = lambda pattern: (m := re.search(pattern, said)) and float(m.group(1))
    if not take(r"jobs/s\s+(\d+)"):
        return {"not_run": said.strip()[-300:]}
    return {
        "monitors": monitors,
        "regions": 3,
        "jobs_per_s": take(r"jobs/s\s+(\d+)"),
        "cpu_percent": take(r"CPU scheduler\s+(\S+)"),
        "redis_percent": take(r"CPU redis-server\s+(\S+)"),
        "rss_mb": take(r"now / at most\s+(\d+)"),
        "within_50_ms_percent": take(r"within 50 ms\s+(\S+)"),
        "lateness": (m := re.search(r"lateness of entries\s+(.*)", said)) and m.group(1),
        "ledger_off": take(r"off by (-?\d+)"),
    }


def time_to_tell(path, regions, outages, interval_s, seed):
    out = f"{path.dir}/told.json"
    said = path.command(
        "time to tell",
        [
            sys.executable,
            f"{HERE}/time_to_tell.py",
            "--build",
            path.build,
            "--regions",
            str(regions),
            "--outages",
            str(outages),
            "--interval",
            str(interval_s),
            "--seed",
            str(seed),
            "--json",
            out,
        ],
        limit_s=580,
    )
    if not os.path.exists(out):
        return {"not_run": said["said"].strip()[-300:]}
    run = json.load(open(out))[0]
    return {
        "regions": regions,
        "interval_s": interval_s,
        "outages_each": outages,
        "seconds": run["seconds"],
        "wrong": run["wrong"],
        "repeats": run["repeats"],
    }


# ---- ten minutes ---------------------------------------------------------------------------------------------------


def slope(points):
    """KB a minute of a straight line through (s, KB)."""
    if len(points) < 2:
        return 0.0
    mx, my = statistics.mean(p[0] for p in points), statistics.mean(p[1] for p in points)
    below = sum((p[0] - mx) ** 2 for p in points)
    return sum((p[0] - mx) * (p[1] - my) for p in points) / below * 60 if below else 0.0


def soak(path, monitors, seconds, meanwhile=None, tick=lambda: None):
    """Monitors at 10 s in two regions, a twentieth of them down in every way; memory of each process every 5 s.
    Results are kept for a minute, so that Redis too must come to rest.  meanwhile() runs beside it."""
    beside, other = {}, None
    with Product(path, ["east", "west"], 10000, keep="1m") as product:
        bad = [first for _, first, _, truth in field.KINDS if truth != "open"]
        port = lambda i: (bad[i // 20 % len(bad)] if i % 20 == 0 else 2000) + i % 50
        product.start(
            [(f"monitor-{i:06d}", f"198.18.{1 + i // 250 % 60}.{i % 250}:{port(i)}") for i in range(monitors)]
        )
        if meanwhile:
            other = threading.Thread(target=lambda: beside.update(meanwhile()))
            other.start()
        began, points = time.monotonic(), []
        while (now := time.monotonic() - began) < seconds:
            points.append([round(now, 1), product.memory_kb()])
            tick()
            time.sleep(min(5, max(0.0, seconds - now)))
        published = product.published()
        if other:
            other.join()
    settled = [p for p in points if p[0] >= seconds * 0.3]
    return {
        "monitors": monitors,
        "regions": 2,
        "interval_s": 10,
        "seconds": seconds,
        "published": published,
        "points": points,
        "growth_kb_per_min": {name: slope([(t, m[name]) for t, m in settled]) for name in points[0][1]},
    }, beside
