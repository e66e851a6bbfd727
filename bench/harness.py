"""harness.py - a path of its own, processes with their CPU time, rounds in turn, and a line that says how long it
still takes.

In: the build folder.  Out: class Path, which everything here measures on; Progress; percentiles and histograms.
Owns: a network namespace without a default route (the whole bench runs inside of one, so that nothing is left behind
when it is killed), the scripted TUN peer, one Redis, and every process it started: they end with it.
Why so: a tool that forges packets asks no routing table, so what keeps it inside is that there is no device that
leads out; sealed() looks again before each such tool.  CPU is the process's own clock, or what wait4(2) says of a
command and its children; no cgroup, so that a container without one measures the same.
"""
import ctypes
import glob
import json
import os
import platform
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time

from engine_cost import Bench, cpu_s, rss_kb

LOOPBACK_TARGETS = "127.0.0.2-127.0.0.33:9000-9003"
PR_SET_PDEATHSIG = 1
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def in_turn(variants, rounds, each=lambda: None):
    """Runs {name: call} in the order A B A B, backwards in every other round; a list of {name: what the call
    gave}."""
    names, rows = list(variants), []
    for i in range(rounds):
        row = {}
        for name in names if i % 2 == 0 else reversed(names):
            row[name] = variants[name]()
            each()
        rows.append(row)
    return rows


def percentile(values, share):
    """Of sorted values."""
    return values[min(len(values) - 1, int(share * len(values)))] if values else None


SHARES = (0.5, 0.9, 0.99, 0.999, 0.9999, 1.0)


def distribution(values):
    """Percentiles, and counts between edges that grow by a tenth, in the unit of the values."""
    values = sorted(values)
    if not values:
        return {"count": 0}
    counts, edge = [], 1.0
    below = sum(1 for v in values if v <= 1)
    at = below
    while at < len(values):
        top, begun = edge * 1.1, at
        while at < len(values) and values[at] <= top:
            at += 1
        if at > begun:
            counts.append([round(top, 2), at - begun])
        edge = top
    return {
        "count": len(values),
        "at_most_1": below,
        "histogram": counts,
        "percentiles": {f"{s * 100:g}": values[min(len(values) - 1, int(s * len(values)))] for s in SHARES},
    }


# ---- how long it still takes ---------------------------------------------------------------------------------------


class Progress:
    """One line for each step, on a terminal rewritten, else one every half minute; what is left is what was thought,
    scaled by how the last went."""

    def __init__(self, steps):
        self.steps = steps  # (name, seconds thought)
        self.at, self.began, self.step_began = -1, time.monotonic(), 0
        self.thought_done = 0.0
        self.took = []
        self.turns = self.turn = 0
        self.said = 0.0  # when a line was last written, where there is no terminal

    def begin(self, turns=0):
        self.at += 1
        self.step_began = time.monotonic()
        self.turns, self.turn = turns, 0
        self.say(True)

    def tick(self, note=""):
        self.turn += 1
        self.say(False, note)

    def end(self):
        name, thought = self.steps[self.at]
        self.thought_done += thought
        self.took.append({"step": name, "took_s": round(time.monotonic() - self.step_began, 1), "thought_s": thought})

    def left_s(self):
        done, elapsed = self.thought_done, self.step_began - self.began
        scale = min(3.0, max(0.5, elapsed / done)) if done else 1.0
        here = self.steps[self.at][1] * scale - (time.monotonic() - self.step_began)
        return max(0.0, here) + sum(s for _, s in self.steps[self.at + 1 :]) * scale

    def say(self, new, note=""):
        left = int(self.left_s())
        of = f", {self.turn} of {self.turns}" if self.turns else ""
        line = f"[{self.at + 1:2}/{len(self.steps)}] {self.steps[self.at][0]}{of}{note and ': ' + note}"
        line = f"{line:<70} {left // 60}:{left % 60:02} left"
        if sys.stderr.isatty():
            print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
        elif new or note or time.monotonic() - self.said > 30:
            print(line, file=sys.stderr, flush=True)
            self.said = time.monotonic()


# ---- the path ------------------------------------------------------------------------------------------------------


def enter_namespace():
    """Runs this program again where it can harm nobody; says which kind of path it is then: "tun", or "loopback"."""
    for name in [n for n in os.environ if n.startswith("PORTWATCH_")]:
        del os.environ[name]  # the programs would read them
    if kind := os.environ.get("PW_BENCH_PATH"):
        return kind, os.environ.get("PW_BENCH_WHY", "")
    why = ""
    words = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
    if not os.path.exists("/dev/net/tun"):
        why = "there is no /dev/net/tun"
    elif not os.access("/dev/net/tun", os.R_OK | os.W_OK):
        why = "/dev/net/tun may not be opened"
    elif subprocess.run([*words, "true"], capture_output=True).returncode:
        why = "no network namespace may be made"
    if why:
        os.environ.update(PW_BENCH_PATH="loopback", PW_BENCH_WHY=why)
        return "loopback", why
    os.environ["PW_BENCH_PATH"] = "tun"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


devices = {"lo", "pw0"}  # what may be here; the pair for ZMap is added when it is made


def sealed():
    """Nothing here leads out: lo, the scripted peer's device and those we made, and no default route.  Otherwise
    nothing is sent."""
    links = re.findall(
        r"^\d+: ([^:@]+)", subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout, re.M
    )
    routes = "".join(
        subprocess.run(["ip", f, "route", "show", "default"], capture_output=True, text=True).stdout
        for f in ("-4", "-6")
    )
    if set(links) - devices or routes.strip():
        raise SystemExit(
            f"bench: this is not a sealed namespace (devices {links}, default route {routes.strip() or 'none'}); nothing was sent"
        )


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Redis:
    """As much of the protocol as the bench needs; replies of a pipeline come as one list."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX)
        self.link.connect(path)
        self.file = self.link.makefile("rwb", buffering=1 << 20)

    def reply(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b"$":
            return None if rest == b"-1" else self.file.read(int(rest) + 2)[:-2]
        return [self.reply() for _ in range(int(rest))] if kind == b"*" else rest

    def ask_all(self, commands):
        for words in commands:
            words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
            self.file.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
        self.file.flush()
        return [self.reply() for _ in commands]

    def ask(self, *words):
        return self.ask_all([words])[0]

    def info(self):
        return dict(l.split(":", 1) for l in self.ask("INFO", "everything").decode().split("\r\n") if ":" in l)


class Path(Bench):
    """The functions of engine_cost.py on this path, and more of them."""

    def __init__(self, build, quick, kind, rules):
        super().__init__(build, quick)
        self.kind, self.rules = kind, rules
        self.commands, self.counting = {}, threading.Lock()

    # Everything runs inside already, so in_ns says nothing here.
    def start(self, argv, in_ns=True, **kw):
        return super().start(argv, False, preexec_fn=die_with_parent, **kw)

    def run(self, argv, in_ns=True, **kw):
        return super().run(argv, False, **kw)

    def program(self, name):
        return f"{self.build}/{name}"

    def note(self, what, argv):
        """Keeps an exact command line for the report, with this machine's folders named by what they are."""
        words = [w.replace(self.dir, "$DIR").replace(self.build, "build").replace(ROOT + "/", "") for w in argv]
        self.commands.setdefault(what, " ".join(words))

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        if self.kind == "tun":
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            sealed()
            argv = [
                self.program("tests/tun-peer"),
                "--tun",
                "pw0",
                "--local4",
                "198.18.0.1/15",
                "--local6",
                "none",
                *self.rules,
            ]
        else:
            argv = [self.program("bench/answer"), "--seconds", "7200", LOOPBACK_TARGETS]
        self.note("target", argv)
        self.peer = self.start(argv, stdout=subprocess.PIPE, text=True)
        if self.kind == "tun" and self.peer.stdout.readline().strip() != "ready":
            raise SystemExit("bench: the scripted peer did not start")
        self.sock = f"{self.dir}/redis.sock"
        self.redis = self.start_redis(self.sock)
        return self

    def __exit__(self, *_):
        for child in list(reversed(self.children)):
            self.stop(child)
        shutil.rmtree(self.dir, ignore_errors=True)

    def clear(self):
        """Ends what a step has left behind, all but the target and the Redis of everybody."""
        for child in list(reversed(self.children)):
            if child not in (self.peer, self.redis):
                self.stop(child)

    def start_redis(self, sock, *more):
        conf = (
            "\n".join([f'port 0\nunixsocket {sock}\ndir {self.dir}\nsave ""\nmaxmemory-policy noeviction', *more])
            + "\n"
        )
        child = self.start(["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        child.stdin.write(conf)
        child.stdin.close()
        while "eady to accept connections" not in (line := child.stdout.readline()):
            if not line:
                raise SystemExit("bench: redis-server did not start")
        return child

    # ---- the target

    def target(self, i, port):
        if self.kind == "loopback":
            return f"127.0.0.{2 + i % 32}:{9000 + i // 32 % 4}"
        return f"198.18.1.{i % 256}:{port}"

    def target_range(self, ports):
        return LOOPBACK_TARGETS if self.kind == "loopback" else f"198.18.1.0-198.18.1.255:{ports[0]}-{ports[-1]}"

    def target_list(self, count, ports):
        return [self.target(i, ports[i // 256 % len(ports)]) for i in range(count)]

    def counts(self):
        """What the scripted peer has seen until now: {"syn", "ack", "rst", ...}; zeros on loopback, where nobody
        counts."""
        if self.kind == "loopback":
            return dict.fromkeys(("syn", "ack", "rst", "fin", "sent"), 0)
        with self.counting:
            self.peer.send_signal(signal.SIGUSR1)
            said = json.loads(self.peer.stdout.readline())
        return {k: said[k] for k in ("syn", "ack", "rst", "fin", "sent")}

    # ---- ours

    def bare(self, count, inflight, ports, timeout, *options):
        argv = [
            self.program("bench/limit"),
            "--count",
            str(count),
            "--inflight",
            str(inflight),
            "--timeout",
            timeout,
            *options,
            self.target_range(ports),
        ]
        self.note("bare loop" + (" " + " ".join(options) if options else ""), argv)
        return json.loads(self.run(argv))

    def engine(self, *options):
        if self.kind == "loopback":
            options += ("--policy", "any", "--coalesce", "no")  # so few targets that many jobs are alike
        child = super().engine(*options)
        self.note(
            "engine",
            [
                self.program("portwatch-engine"),
                "--region",
                "bench",
                "--redis",
                "unix://$DIR/redis.sock",
                "--metrics",
                "127.0.0.1:0",
                *options,
            ],
        )
        return child

    def push(self, count, ports, timeout, close="rst"):
        path = f"{self.dir}/jobs"
        with open(path, "w") as f:
            f.write("\n".join(self.target_list(count, ports)) + "\n")
        argv = [
            self.program("portwatch"),
            "jobs",
            "push",
            "--region",
            "bench",
            "--redis",
            f"unix://{self.sock}",
            "-f",
            path,
            "--timeout",
            timeout,
            "--expires",
            "10m",
        ] + (["--close", close] if close != "rst" else [])
        self.note("jobs " + close, argv)
        self.run(argv)

    def chain(self, count, inflight, ports, timeout, *options, close="rst"):
        """Jobs in Redis to results in Redis, as whole() of engine_cost.py, with any options; and what the target
        saw."""
        self.rcli("FLUSHALL")
        if "--lanes" not in options:
            options += ("--lanes", "1")
        engine = self.engine("--slots", str(inflight + 64), *options)
        before, cpu, redis_cpu = self.counts(), cpu_s(engine.pid), cpu_s(self.redis.pid)
        engine.send_signal(signal.SIGSTOP)  # who writes the jobs is a third process on what may be two processors
        self.push(count, ports, timeout, close)
        began = time.monotonic()
        engine.send_signal(signal.SIGCONT)
        self.wait_acknowledged(300)
        figures = {
            "probes": count,
            "wall_s": time.monotonic() - began,
            "cpu_s": cpu_s(engine.pid) - cpu,
            "redis_cpu_s": cpu_s(self.redis.pid) - redis_cpu,
            **self.seen(before),
        }
        m = self.metrics(engine)
        figures["open"] = m.get('portwatch_engine_verdicts_total{class="up",verdict="open"}', 0)
        if m["portwatch_engine_jobs_published_total"] != count:
            raise SystemExit(f"bench: of {count} jobs {m['portwatch_engine_jobs_published_total']:.0f} were answered")
        self.stop(engine)
        return figures

    def seen(self, before):
        """SYNs and completed handshakes since."""
        now = self.counts()
        return {"syn": now["syn"] - before["syn"], "handshakes": now["ack"] - before["ack"]}

    # ---- others' programs

    def command(self, what, argv, limit_s=120, **kw):
        """Runs a command to its end, or for limit_s; CPU of it and its children.  A non-zero status is the caller's
        to judge."""
        self.note(what, argv)
        before, began = self.counts(), time.monotonic()
        kw.setdefault("stdin", subprocess.DEVNULL)
        child = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=die_with_parent, **kw
        )
        alarm = threading.Timer(limit_s, child.kill)
        alarm.start()
        said = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        alarm.cancel()
        child.returncode = os.waitstatus_to_exitcode(status)
        return {
            "said": said,
            "status": child.returncode,
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": time.monotonic() - began,
            **self.seen(before),
        }


# ---- what ran where ------------------------------------------------------------------------------------------------


def first_line(path):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return None


SYSCTLS = (
    "net/ipv4/tcp_syn_linear_timeouts",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_mem",
    "net/ipv4/tcp_timestamps",
    "net/core/somaxconn",
    "kernel/io_uring_disabled",
    "net/netfilter/nf_conntrack_max",
    "fs/nr_open",
)


def version(*argv):
    """The first line of what a program says of its version; None if it is not here."""
    if not shutil.which(argv[0]):
        return None
    said = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = [l for l in (said.stdout + said.stderr).splitlines() if l.strip()]
    return lines[0].strip() if lines else "?"


def git(*words):
    said = subprocess.run(["git", *words], capture_output=True, text=True, cwd=os.path.dirname(__file__))
    return said.stdout.strip() if said.returncode == 0 else None


def host():
    cpu = re.search(r"^model name\s*:\s*(.*)$", first_line("/proc/cpuinfo") or "", re.M)
    debian = re.search(r'^PRETTY_NAME="?([^"\n]*)', first_line("/etc/os-release") or "", re.M)
    return {
        "name": platform.node(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "cpu": cpu.group(1) if cpu else None,
        "system": debian.group(1) if debian else None,
        "hypervisor": (
            first_line("/sys/hypervisor/type")
            or ("a virtual machine" if " hypervisor" in (first_line("/proc/cpuinfo") or "") else None)
        ),
        "mitigations": {
            os.path.basename(p): first_line(p) for p in sorted(glob.glob("/sys/devices/system/cpu/vulnerabilities/*"))
        },
        "sysctls": {s.replace("/", "."): first_line("/proc/sys/" + s) for s in SYSCTLS},
        "open_files": resource.getrlimit(resource.RLIMIT_NOFILE)[1],
        "load_before": os.getloadavg(),
        "versions": {
            "python": platform.python_version(),
            "redis": version("redis-server", "--version"),
            "gcc": version("gcc", "--version"),
        },
        "git": {
            "id": git("rev-parse", "--short=12", "HEAD"),
            "changed": bool(git("status", "--porcelain", "--untracked-files=no")),
        },
    }


def median(values):
    return statistics.median(values) if values else None
