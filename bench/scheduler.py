#!/usr/bin/env python3
"""scheduler.py - what a scheduler costs: N monitors at 60 s in 3 regions, a real redis-server, every job answered.

    bench/scheduler.py [--monitors 1000000] [--seconds 60] [--settle 80] [--answered 3] [--build build]

Prints a table: CPU of the scheduler in % of one core (its ledger included), resident memory, lateness of entries (slot to
acknowledged by Redis), and whether the ledger's sum holds.  Other load on the machine is printed with it.
"""
import argparse, json, os, re, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request

REGIONS = ["eu", "us", "ap"]
TICKS = os.sysconf("SC_CLK_TCK")


class Redis:
    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(path)
        self.file = self.link.makefile("rb")

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def ask(self, *words):
        self.send(*words)
        line = self.file.readline()
        if line[:1] == b"-":
            raise RuntimeError(line.decode())
        return line


def fill(redis, count, chunk=500):
    redis.ask("SET", "pw:settings", json.dumps({"regions": REGIONS, "shards": 1}))
    for start in range(0, count, chunk):
        words = ["HSET", "pw:monitors"]
        for i in range(start, min(start + chunk, count)):
            words += [f"monitor-{i:07d}", '{"target":"198.18.%d.%d:443","interval_ms":60000,"timeout_ms":3200}' % (i >> 8 & 127, i & 255)]
        redis.ask(*words)
    redis.ask("XADD", "pw:monitors:log", "*", "op", "settings")


def cpu(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mb(pid, what):
    return int(re.search(what + r":\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1)) / 1024


def metrics(port):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()
    return {k: float(v) for k, v in re.findall(r"^(portwatch_scheduler_\S+?(?:\{.*\})?) (\S+)$", text, re.M)}


def lateness(before, after):
    name = "portwatch_scheduler_lateness_seconds_bucket"
    edges = [(float(k.split('"')[1]), after[k] - before[k]) for k in after if k.startswith(name)]
    return sorted(edges)


def quantile(edges, q):
    total = edges[-1][1]
    return next((edge for edge, below in edges if below >= q * total), float("inf"))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--monitors", type=int, default=1000000)
    ap.add_argument("--seconds", type=int, default=60)
    ap.add_argument("--settle", type=int, default=80, help="seconds before it is measured; the ledger's audit begins after 75")
    ap.add_argument("--answered", type=int, default=len(REGIONS), help="regions whose jobs are answered; the others' are missed")
    ap.add_argument("--build", default=os.path.join(os.path.dirname(__file__), "..", "build"))
    ap.add_argument("--perf", help="write a profile of the scheduler there (perf record, cpu-clock)")
    o = ap.parse_args()
    folder = tempfile.mkdtemp(prefix="portwatch-bench-")
    started = []
    try:
        conf = f'port 0\nunixsocket {folder}/s\ndir {folder}\nsave ""\nmaxmemory-policy noeviction\n'
        started.append(subprocess.Popen(["redis-server", "-"], stdin=subprocess.PIPE, stdout=open(f"{folder}/redis.log", "w")))
        started[0].stdin.write(conf.encode())
        started[0].stdin.close()
        while not os.path.exists(f"{folder}/s"):
            time.sleep(0.05)
        redis = Redis(f"{folder}/s")
        t = time.time()
        fill(redis, o.monitors)
        print(f"{o.monitors} monitors written in {time.time() - t:.1f} s", flush=True)
        url = f"unix://{folder}/s"
        started.append(subprocess.Popen([f"{o.build}/bench/answer-jobs", url] + REGIONS[: o.answered], stdout=subprocess.PIPE))
        started[1].stdout.readline()
        log = open(f"{folder}/scheduler.log", "w+")
        t = time.time()
        started.append(subprocess.Popen([f"{o.build}/portwatch-scheduler", "--redis", url, "--metrics", "127.0.0.1:0"], stderr=log))
        scheduler = started[2].pid
        while "msg=scheduling" not in (text := open(log.name).read()):
            time.sleep(0.1)
        port = re.search(r"metrics_port=(\d+)", text).group(1)
        print(f"scheduling {time.time() - t:.1f} s after its start ({cpu(scheduler):.1f} s of CPU)", flush=True)
        time.sleep(o.settle)
        names = ["redis-server", "answer-jobs", "scheduler"]
        before, cpus, t, load = metrics(port), [cpu(p.pid) for p in started], time.time(), os.getloadavg()
        if o.perf:
            subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-g", "-o", o.perf, "-p", str(scheduler), "--", "sleep", "20"])
        while time.time() - t < o.seconds:
            time.sleep(1)
        took, after, load_after = time.time() - t, metrics(port), os.getloadavg()
        used = [(cpu(p.pid) - c) / took * 100 for p, c in zip(started, cpus)]
        edges = lateness(before, after)
        get = lambda name: after["portwatch_scheduler_" + name]
        diff = lambda name: get(name) - before["portwatch_scheduler_" + name]
        answered = diff('slots_total{outcome="answered"}')
        total = edges[-1][1]
        within = next(below for edge, below in edges if edge == 0.05) / total
        print(f"\n{o.monitors} monitors, 60 s, {len(REGIONS)} regions; {took:.0f} s; load {load[0]:.2f} -> {load_after[0]:.2f}, {os.cpu_count()} cores")
        print(f"  jobs/s                    {diff('jobs_total') / took:12.0f}")
        print(f"  entries/s                 {diff('entries_total') / took:12.0f}")
        print(f"  results counted/s         {answered / took:12.0f}")
        for name, percent in zip(names, used):
            print(f"  CPU {name:20}  {percent:12.1f} % of one core" + ("   (target 25)" if name == "scheduler" else ""))
        print(f"  memory, now / at most     {memory_mb(scheduler, 'VmRSS'):6.0f} / {memory_mb(scheduler, 'VmHWM'):.0f} MB   (target 400)")
        print("  lateness of entries       " + ", ".join(f"p{q * 100:g} <= {quantile(edges, q) * 1000:g} ms" for q in (0.5, 0.9, 0.99, 0.999)))
        print(f"  entries within 50 ms      {within * 100:12.3f} %   (target 99)")
        missed = get('slots_total{outcome="missed"}')
        waiting = get("slots_waiting")
        rest = get("slots_scheduled_total") - get('slots_total{outcome="answered"}') - missed - waiting - get('slots_total{outcome="handed_over"}')
        print(f"  ledger                    {get('slots_scheduled_total'):.0f} scheduled, {missed:.0f} missed, {waiting:.0f} waiting, off by {rest:.0f}")
    finally:
        for p in reversed(started):
            p.send_signal(signal.SIGTERM)
            p.wait()
        shutil.rmtree(folder)


main()
