"""peers.py - other people's probers on our path: how each is asked, what its answers mean, what a probe costs it.

In: a Path.  Out: for each prober a row of cost (speed) and a map of what it says of the mixed field (field).
A probe of a scanner is a target it was sent to; of a monitor that goes on, a SYN that the scripted peer counted.
Flags are those that its own manual recommends for the purpose; where a choice was left, the one that is cheapest for
it (HAProxy with one thread, for one).  CPU is that of the whole process with its children; a load generator's is not
counted.
"""
import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import xml.etree.ElementTree
from concurrent.futures import ThreadPoolExecutor

import field
from harness import cpu_s, devices, sealed, version

SLOW = list(range(2000, 2256))  # open after 20 ms, as a target in the same country; so many that no two jobs are alike
INFLIGHT = 1000


class Peer:
    """One prober.  half: it never completes the handshake.  steady: it runs on, and is measured for a while."""

    name = package = note = ""
    program = None
    half = False
    rtt = False  # whether it says how long the handshake took

    def missing(self, path):
        """Why it cannot run here, or None."""
        if self.program and not shutil.which(self.program):
            return f"{self.program} is not installed (scripts/setup --bench)"
        if path.kind == "loopback":
            return "there is only loopback here, and who counts its packets needs a path of our own"
        return None

    def version(self):
        return None

    def speed(self, path, quick):
        raise NotImplementedError

    def asked(self, truth):
        """What of the field it is asked: everything, if that can be had in a run or two."""
        return truth

    def field(self, path, quick):
        """{"address:port": answer}, or None if there is nothing to say beyond another row's."""
        return None


def answer_of(text):
    """What a sentence of the kernel's says."""
    text = text.lower()
    for word, answer in (
        ("refused", "closed"),
        ("no route", "rejected"),
        ("prohibited", "rejected"),
        ("unreachable", "rejected"),
        ("timed out", "silent"),
        ("timeout", "silent"),
        ("in progress", "silent"),
    ):
        if word in text:
            return answer
    return "down"


# ---- ours


OURS = {"open": "open", "closed": "closed", "rejected": "rejected", "filtered": "silent"}


class Portwatch(Peer):
    package = "portwatch"

    def __init__(self, name="portwatch", close="rst", options=(), note="engine, jobs in Redis to results in Redis"):
        self.name, self.close, self.options, self.note = name, close, options, note
        self.half = close == "half"

    def missing(self, path):
        return None

    def speed(self, path, quick):
        return path.chain(20000 if quick else 60000, INFLIGHT, SLOW, "3200ms", *self.options, close=self.close)

    def field(self, path, quick):
        argv = [
            path.program("portwatch"),
            "probe",
            "-f",
            f"{path.dir}/field",
            "-o",
            "ndjson",
            "-t",
            f"{field.TIMEOUT_S}s",
            "--close",
            self.close,
        ]
        write_targets(path, quick)
        rows = [
            json.loads(line)
            for line in path.command(self.name + " field", argv)["said"].splitlines()
            if line.startswith("{")
        ]
        return {r["target"]: OURS.get(r["verdict"], r["verdict"]) for r in rows}


class PortwatchProbe(Peer):
    name, package, note = (
        "portwatch probe",
        "portwatch",
        "one command from a list to lines of JSON, no Redis; its start is counted",
    )

    def missing(self, path):
        return None

    def speed(self, path, quick):
        count = 20000 if quick else 60000
        with open(f"{path.dir}/list", "w") as f:
            f.write("\n".join(path.target_list(count, SLOW)) + "\n")
        argv = [
            path.program("portwatch"),
            "probe",
            "-f",
            f"{path.dir}/list",
            "-o",
            "ndjson",
            "--inflight",
            str(INFLIGHT),
        ]
        said = path.command(self.name, argv)
        return {**said, "said": "", "probes": count, "open": said["said"].count('"verdict":"open"')}


def write_targets(path, quick):
    with open(f"{path.dir}/field", "w") as f:
        f.write("\n".join(field.targets(quick)) + "\n")


# ---- HAProxy


class HAProxy(Peer):
    name, package, program, half = "HAProxy checks", "haproxy", "haproxy", True
    note = "server lines with `check`; it resets before the handshake completes"
    lines = ""

    def version(self):
        return version("haproxy", "-v")

    def start(self, path, servers, inter):
        conf = f"{path.dir}/haproxy.cfg"
        with open(conf, "w") as f:
            f.write(
                f"global\n  nbthread 1\n  maxconn 100\n  stats socket {path.dir}/haproxy.sock\ndefaults\n  mode tcp\n  timeout connect {field.TIMEOUT_S}s\n"
                f"  timeout check {field.TIMEOUT_S}s\n  timeout client 1s\n  timeout server 1s\nlisten bench\n  bind 127.0.0.1:9999\n{self.lines}"
            )
            f.writelines(f"  server s{i} {t} check inter {inter} fall 1 rise 1\n" for i, t in enumerate(servers))
        argv = ["haproxy", "-f", conf, "-db"]
        path.note(
            self.name,
            argv
            + [
                f"# nbthread 1; {' / '.join(self.lines.split(chr(10)))} {len(servers)} lines: server ... check inter {inter}"
            ],
        )
        return path.start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def speed(self, path, quick):
        child = self.start(path, [f"198.18.1.{i % 256}:{2000 + i // 256}" for i in range(4096)], "200ms")
        time.sleep(1)  # the first checks are spread over the first interval; then it is steady
        figures = steady(path, child, 1 if quick else 5)
        path.stop(child)
        return figures

    def field(self, path, quick):
        truth = list(field.targets(quick))
        child = self.start(path, truth, f"{field.TIMEOUT_S + 1}s")
        until, said = time.monotonic() + 4 * field.TIMEOUT_S, {}
        while time.monotonic() < until and len(said) < len(truth):
            time.sleep(0.5)
            said = self.read(f"{path.dir}/haproxy.sock", truth)
        path.stop(child)
        return said

    @staticmethod
    def read(sock, truth):
        link, text = socket.socket(socket.AF_UNIX), b""
        try:
            link.connect(sock)
        except OSError:
            return {}
        link.sendall(b"show stat\n")
        while piece := link.recv(1 << 16):
            text += piece
        link.close()
        said = {}
        for row in csv.DictReader(io.StringIO(text.decode().lstrip("# "))):
            status = row["check_status"]
            if (
                row["svname"][0] == "s"
                and row["svname"][1:].isdigit()
                and status
                and not status.startswith(("INI", "*", "UNK"))
            ):
                said[truth[int(row["svname"][1:])]] = (
                    "open" if status == "L4OK" else "silent" if status == "L4TOUT" else answer_of(row["last_chk"])
                )
        return said


def steady(path, child, seconds):
    """A process that goes on by itself: its CPU and the SYNs that arrive, for a while."""
    before, cpu, began = path.counts(), cpu_s(child.pid), time.monotonic()
    time.sleep(seconds)
    used, wall, seen = cpu_s(child.pid) - cpu, time.monotonic() - began, path.seen(before)
    return {"probes": seen["syn"], "cpu_s": used, "wall_s": wall, **seen}


class HAProxyFull(HAProxy):
    """Without something to send it never completes the handshake; what it sends goes with the ACK."""

    name, half = "HAProxy, full", False
    note = "`option tcp-check`, connect, and a byte to send, without which it completes no handshake"
    lines = "  option tcp-check\n  tcp-check connect\n  tcp-check send-binary 0a\n"

    def field(self, path, quick):
        return None


# ---- nmap


class Nmap(Peer):
    name, package, program = "nmap -sT", "nmap", "nmap"
    note = "-n -Pn -T4"
    flags = ["-sT", "-n", "-Pn", "-T4"]

    def version(self):
        return version("nmap", "--version")

    def speed(self, path, quick):
        argv = ["nmap", *self.flags, "-p", "2000-2039" if quick else "2000-2099", "-oG", "-", "198.18.1.0/24"]
        said = path.command(self.name, argv)
        return {**said, "said": "", "probes": 256 * (40 if quick else 100), "open": said["said"].count("/open/")}

    def field(self, path, quick):
        last = field.addresses(quick)[-1].rsplit(".", 1)[1]
        argv = ["nmap", *self.flags, "-p", ",".join(map(str, field.ports())), "-oX", "-", f"198.18.2.0-{last}"]
        text = path.command(self.name + " field", argv)["said"]
        said = {}
        for host in xml.etree.ElementTree.fromstring(text[text.index("<?xml") :]).iter("host"):
            for port in host.iter("port"):
                state = port.find("state")
                answer = state.get("state")
                if answer == "filtered":  # its word for both; the reason beside it tells them apart
                    answer = "silent" if state.get("reason") == "no-response" else "rejected"
                said[f"{host.find('address').get('addr')}:{port.get('portid')}"] = answer
            for rest in host.iter("extraports"):  # all that are alike are told as a number only
                reasons = {r.get("reason"): r.get("ports", "") for r in rest.iter("extrareasons")}
                for reason, ports in reasons.items():
                    for span in filter(None, ports.split(",")):
                        low, _, high = span.partition("-")
                        for p in range(int(low), int(high or low) + 1):
                            said[f"{host.find('address').get('addr')}:{p}"] = {
                                "conn-refused": "closed",
                                "no-response": "silent",
                            }.get(reason, "rejected")
        return said


# ---- blackbox_exporter


class Blackbox(Peer):
    name, package, program = "blackbox_exporter", "prometheus-blackbox-exporter", "prometheus-blackbox-exporter"
    note = "module tcp, asked by wrk with 64 connections; wrk's CPU is not counted"
    url = "http://127.0.0.1:9115"

    def version(self):
        return version("prometheus-blackbox-exporter", "--version")

    def missing(self, path):
        return super().missing(path) or (
            None if shutil.which("wrk") else "wrk is not installed (scripts/setup --bench)"
        )

    def start(self, path):
        with open(f"{path.dir}/blackbox.yml", "w") as f:
            f.write(f"modules:\n  tcp:\n    prober: tcp\n    timeout: {field.TIMEOUT_S}s\n")
        argv = [
            "prometheus-blackbox-exporter",
            f"--config.file={path.dir}/blackbox.yml",
            "--web.listen-address=127.0.0.1:9115",
        ]
        path.note(self.name, argv)
        child = path.start(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", 9115)).close()
                return child
            except OSError:
                time.sleep(0.05)
        raise SystemExit("bench: blackbox_exporter did not start")

    def speed(self, path, quick):
        child = self.start(path)
        with open(f"{path.dir}/wrk.lua", "w") as f:
            f.write(
                'local n = 0\nrequest = function()\n  n = n + 1\n  return wrk.format("GET", string.format('
                '"/probe?module=tcp&target=198.18.1.%d:%d", n % 256, 2000 + math.floor(n / 256) % 4))\nend\n'
            )
        argv = ["wrk", "-t1", "-c64", f"-d{1 if quick else 5}s", "-s", f"{path.dir}/wrk.lua", self.url]
        cpu = cpu_s(child.pid)
        said = path.command("wrk", argv)
        figures = {
            "probes": said["syn"],
            "cpu_s": cpu_s(child.pid) - cpu,
            "wall_s": said["wall_s"],
            "syn": said["syn"],
            "handshakes": said["handshakes"],
        }
        path.stop(child)
        return figures

    def field(self, path, quick):
        child = self.start(path)

        def ask(target):
            said = subprocess.run(
                ["curl", "-s", f"{self.url}/probe?module=tcp&debug=true&target={urllib.parse.quote(target)}"],
                capture_output=True,
                text=True,
            ).stdout
            found = re.search(r"^probe_success (\d)", said, re.M)
            return target, None if not found else "open" if found.group(1) == "1" else "down"

        with ThreadPoolExecutor(64) as pool:
            said = dict(pool.map(ask, field.targets(quick)))
        path.stop(child)
        return said


# ---- one process a probe


class Netcat(Peer):
    name, package, program = "nc -z", "netcat-openbsd", "nc"
    note = "a process for each probe, as scripts do it; xargs -P 16"

    def version(self):
        said = subprocess.run(
            ["dpkg-query", "-W", "-f", "netcat-openbsd ${Version}", "netcat-openbsd"], capture_output=True, text=True
        )
        return said.stdout or None

    def speed(self, path, quick):
        count = 500 if quick else 3000
        with open(f"{path.dir}/words", "w") as f:
            f.writelines(t.replace(":", " ") + "\n" for t in path.target_list(count, SLOW))
        said = path.command(
            self.name,
            ["xargs", "-a", f"{path.dir}/words", "-P", "16", "-L", "1", "nc", "-z", "-n", "-w", str(field.TIMEOUT_S)],
        )
        return {**said, "said": "", "probes": count}

    def field(self, path, quick):
        def ask(target):
            address, port = target.split(":")
            said = subprocess.run(
                ["nc", "-z", "-v", "-n", "-w", str(field.TIMEOUT_S), address, port], capture_output=True, text=True
            )
            return target, "open" if said.returncode == 0 else answer_of(said.stderr)

        with ThreadPoolExecutor(64) as pool:
            return dict(pool.map(ask, field.targets(quick)))


class Fping(Peer):
    name, package = "fping", "fping"

    def missing(self, path):
        return "it sends ICMP echo and opens no TCP connection: there is nothing to compare; one process a probe is nc -z here"


# ---- half-open scanners, which forge their packets


class Masscan(Peer):
    name, package, program, half = "masscan", "masscan", "masscan", True
    note = "half-open, packets of its own; --rate 10000"

    def version(self):
        said = (
            subprocess.run(["masscan", "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout
            if shutil.which("masscan")
            else ""
        )
        return next((l.strip() for l in said.splitlines() if "version" in l.lower()), None)

    def scan(self, path, what, ports, targets, *more):
        sealed()
        argv = [
            "masscan",
            "-e",
            "pw0",
            "--adapter-ip",
            "198.18.0.1",
            "--adapter-port",
            "61000",
            "--router-mac",
            "02-00-00-00-00-01",
            "-p",
            ports,
            targets,
            "-oL",
            f"{path.dir}/masscan",
            *more,
        ]
        done = threading.Event()
        poke = threading.Thread(target=self.poke, args=(done,))
        poke.start()
        try:
            said = path.command(what, argv, limit_s=60, cwd=path.dir)
        finally:
            done.set()
            poke.join()
        found = {}
        if os.path.exists(f"{path.dir}/masscan"):
            for line in open(f"{path.dir}/masscan"):
                words = line.split()
                if len(words) >= 4 and words[1] == "tcp":
                    found[f"{words[3]}:{words[2]}"] = words[0]
            os.remove(f"{path.dir}/masscan")
        return said, found

    @staticmethod
    def poke(done):
        """It looks whether it is time to go only when a packet has come, and behind a silent device none does."""
        while not done.wait(0.25):
            with socket.socket() as s:
                s.settimeout(0.2)
                s.connect_ex(("198.18.250.1", 1000))

    def speed(self, path, quick):
        said, found = self.scan(
            path, self.name, "2000-2009" if quick else "2000-2099", "198.18.1.0/24", "--rate", "10000", "--wait", "1"
        )
        return {
            **said,
            "said": "",
            "probes": 256 * (10 if quick else 100),
            "open": sum(v == "open" for v in found.values()),
        }

    def field(self, path, quick):
        last = field.addresses(quick)[-1]
        _, found = self.scan(
            path,
            self.name + " field",
            ",".join(map(str, field.ports())),
            f"198.18.2.0-{last}",
            "--rate",
            "500",
            "--retries",
            "1",
            "--wait",
            str(field.TIMEOUT_S),
            "--show",
            "open,closed",
        )
        return found


class ZMap(Peer):
    """Its filter does not compile on a layer 3 device, so it gets Ethernet: a pair of devices, behind which another
    namespace forwards to a scripted peer of its own.  From there nothing leads out either."""

    name, package, program, half = "ZMap", "zmap", "zmap", True
    note = "half-open, packets of its own; over veth and a router, for it wants Ethernet; -r 20000"

    def version(self):
        return version("zmap", "--version")

    def build(self, path):
        """The namespace behind, its peer and the name of the router's address on the wire."""
        keeper = path.start(
            ["unshare", "-n", "sh", "-c", "echo ready; exec sleep 600"], stdout=subprocess.PIPE, text=True
        )
        keeper.stdout.readline()
        there = ["nsenter", "-t", str(keeper.pid), "-n"]
        peer = path.start(
            [
                *there,
                path.program("tests/tun-peer"),
                "--tun",
                "pw0",
                "--local4",
                "198.19.0.5/16",
                "--local6",
                "none",
                *field.RULES,
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        peer.stdout.readline()
        devices.add("pw1")
        for words in (
            ["ip", "link", "add", "pw1", "type", "veth", "peer", "name", "pw2", "netns", str(keeper.pid)],
            ["ip", "addr", "add", "198.19.0.1/30", "dev", "pw1"],
            ["ip", "link", "set", "pw1", "up"],
            [*there, "ip", "addr", "add", "198.19.0.2/30", "dev", "pw2"],
            [*there, "ip", "link", "set", "pw2", "up"],
            [*there, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"],
        ):
            subprocess.run(words, check=True)
        link = subprocess.run(
            [*there, "ip", "-o", "link", "show", "pw2"], capture_output=True, text=True, check=True
        ).stdout
        default = subprocess.run([*there, "ip", "route", "show", "default"], capture_output=True, text=True).stdout
        if default.strip():
            raise SystemExit("bench: the namespace behind has a default route; nothing was sent")
        sealed()
        return keeper, peer, re.search(r"link/ether (\S+)", link).group(1)

    def scan(self, path, what, gateway, port, targets, wait, probes=1):
        open(f"{path.dir}/nothing", "w").close()
        out = f"{path.dir}/zmap.csv"
        argv = [
            "zmap",
            "-i",
            "pw1",
            "-S",
            "198.19.0.1",
            "-G",
            gateway,
            "-p",
            str(port),
            "-r",
            "20000",
            "-b",
            f"{path.dir}/nothing",
            "-c",
            str(wait),
            "-P",
            str(probes),
            "-q",
            "--output-module=csv",
            "-f",
            "saddr,classification",
            "--output-filter=repeat = 0",
            "-o",
            out,
            targets,
        ]
        said = path.command(what, argv, limit_s=60)
        rows = [l.strip().split(",") for l in open(out)][1:] if os.path.exists(out) else []
        if os.path.exists(out):
            os.remove(out)
        return said, rows

    def with_path(self, path, call):
        keeper, peer, gateway = self.build(path)
        try:
            return call(gateway)
        finally:
            subprocess.run(["ip", "link", "del", "pw1"])
            path.stop(peer)
            path.stop(keeper)

    def speed(self, path, quick):
        def run(gateway):
            said, rows = self.scan(path, self.name, gateway, 2000, "198.19.128.0/19" if quick else "198.19.128.0/17", 1)
            return {
                **said,
                "said": "",
                "probes": 2 ** (13 if quick else 15),
                "open": sum(r[1] == "synack" for r in rows),
            }

        return self.with_path(path, run)

    def asked(self, truth):
        """One port of each kind only: each port is a run of its own, with its wait.  And not the lossy one: its
        second probe leaves from another port, so it is a new attempt, of which the scripted peer drops the first SYN
        as well."""
        return {t: v for t, v in truth.items() if t.endswith("000") and v[0] != "lossy"}

    def field(self, path, quick):
        said = {}
        if quick:
            return None

        def run(gateway):
            for kind, first, _, _ in field.KINDS:
                for a, what in (
                    []
                    if kind == "lossy"
                    else self.scan(path, self.name + " field", gateway, first, "198.19.2.0/26", field.TIMEOUT_S, 2)[1]
                ):
                    answer = {"synack": "open", "rst": "closed"}.get(what, "rejected")
                    said[f"{a.replace('198.19.', '198.18.')}:{first}"] = answer

        self.with_path(path, run)
        return said


def all_peers():
    return [
        Portwatch(),
        Portwatch("portwatch half", close="half"),
        PortwatchProbe(),
        HAProxy(),
        HAProxyFull(),
        Nmap(),
        Blackbox(),
        Netcat(),
        Masscan(),
        ZMap(),
        Fping(),
    ]
