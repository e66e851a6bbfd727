#!/usr/bin/env python3
"""names.py - what host names cost the engine: NAMES names with a TTL of 60 s, each probed once a minute.
Usage: names.py [NAMES [SECONDS]]   (10000 names, 130 seconds; the first 65 fill the cache and are not counted)

A Redis, an engine and tests/peer/dns_server.py of its own, on loopback; every name leads to 127.0.0.1, port 9 (closed).
Prints the CPU of the resolver's thread and of the whole engine as shares of one core, and what was asked and known."""
import os, re, socket, subprocess, sys, tempfile, time, urllib.request
import msgpack

NAMES, SECONDS, WARM = (int(sys.argv[1]) if len(sys.argv) > 1 else 10000), (int(sys.argv[2]) if len(sys.argv) > 2 else 130), 65
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get("PW_BUILD", ROOT + "/build")
TICK = os.sysconf("SC_CLK_TCK")
STEP = 0.1  # an entry or a few each


def wait_line(path, pattern, process):
    while True:
        found = re.search(pattern, open(path).read())
        if found: return found
        if process.poll() is not None: sys.exit(open(path).read())
        time.sleep(0.02)


def cpu(pid):
    """Seconds of the resolver's thread and of all threads."""
    resolver = total = 0
    for task in os.listdir("/proc/%d/task" % pid):
        stat = open("/proc/%d/task/%s/stat" % (pid, task)).read()
        comm, rest = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
        used = (int(rest[11]) + int(rest[12])) / TICK
        total += used
        if comm == "resolver": resolver += used
    return resolver, total


def metrics(port):
    text = urllib.request.urlopen("http://127.0.0.1:%s/metrics" % port).read().decode()
    return {k: float(v) for k, v in re.findall(r'^portwatch_engine_(\S+) (\S+)$', text, re.M)}


def main():
    started = []
    with tempfile.TemporaryDirectory() as work:
        def start(name, *words, **more):
            out = open(work + "/" + name, "w")
            started.append(subprocess.Popen(words, stdout=out, stderr=out, **more))
            return started[-1], work + "/" + name
        try:
            sock = work + "/sock"
            redis, log = start("redis", "redis-server", "--port", "0", "--unixsocket", sock, "--save", "", "--dir", work)
            wait_line(log, "Ready to accept|ready to accept", redis)
            dns, log = start("dns", sys.executable, ROOT + "/tests/peer/dns_server.py", "127.0.0.1", "0")
            dns_port = wait_line(log, r"port (\d+)\nready", dns).group(1)
            engine, log = start("engine", BUILD + "/portwatch-engine", "--region", "b", "--redis", "unix://" + sock,
                                "--resolver", "127.0.0.1:" + dns_port, "--metrics", "127.0.0.1:0")
            port = wait_line(log, r"msg=ready.*metrics_port=(\d+)", engine).group(1)
            link = socket.socket(socket.AF_UNIX)
            link.connect(sock)
            names = ["a-127-0-0-1.ttl-60.n%d.test" % i for i in range(NAMES)]
            begun, sent, before = time.monotonic(), 0, None
            while (now := time.monotonic() - begun) < SECONDS:
                if before is None and now >= WARM:
                    before = time.monotonic(), cpu(engine.pid), metrics(port)
                due = int(now * NAMES / 60)
                while sent < due:
                    batch = [["m", names[i % NAMES], 9] for i in range(sent, min(due, sent + 64))]
                    sent += len(batch)
                    words = [b"XADD", b"pw:{b.0}:jobs", b"*", b"v", b"1", b"n", b"%d" % len(batch), b"b", msgpack.packb([{}, batch])]
                    link.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
                    link.recv(4096)
                time.sleep(STEP)
            after = time.monotonic(), cpu(engine.pid), metrics(port)
            took = after[0] - before[0]
            more = lambda key: after[2].get(key, 0) - before[2].get(key, 0)
            print("%d names, TTL 60 s, each once a minute, %.0f s after the first %d s" % (NAMES, took, WARM))
            print("resolver's thread %.2f %% of a core, whole engine %.2f %%" % tuple(100 * (b - a) / took for a, b in zip(before[1], after[1])))
            print("jobs %.0f/s, questions %.0f/s, of them prefetched %.0f/s; known at once %.2f %%" % (
                more("jobs_taken_total") / took, more("dns_questions_total") / took, more("dns_prefetches_total") / took,
                100 * more('name_jobs_total{cache="hit"}') / max(1, more("jobs_taken_total"))))
            print("names %.0f, oldest answer in use %.1f s" % (after[2]["names"], after[2]["names_oldest_seconds"]))
        finally:
            for process in reversed(started):
                process.terminate()
                process.wait()


if __name__ == "__main__": main()
