#!/usr/bin/python3
"""run.py - the whole bench in one run: what a probe costs us, what it costs others, what each finds, and how late it
is.

In: the programs of a build folder; the peers that are installed.  Out: a table, each bound and target with held or
missed, and one JSON file with every figure and command line, from which bench/report draws.
Order: everything that is compared runs in turn, A B A B, on the same path; ratios are taken within a round.  A
missed target is no failure of the run: on a busy machine it says little, and the load before and after stands in the
file.
"""
import argparse
import contextlib
import datetime
import io
import json
import os
import shlex
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import chain
import engine_cost
import field
import harness
import own
import peers
from harness import median

AT_ONCE, AFTER_20 = (
    list(range(1000, 1256)),
    peers.SLOW,
)  # so many that no two jobs are alike, which one connection could answer
MINUTES_MAX = 29  # the full run is promised under half an hour; the soak, which is last, gives way
SOAK_S = 600
QUICK_S = 57  # --quick is promised under a minute; on a slower machine the last steps are left out, and named


class Run:
    def __init__(self, path, quick, seed):
        self.path, self.quick, self.seed = path, quick, seed
        self.began, self.result, self.progress = time.monotonic(), {}, None

    # ---- steps; each puts what it found under its name

    def cost(self):
        """The table of issue 2: bare loop, engine, engine on epoll."""
        rounds, count = (3, 15000) if self.quick else (15, 60000)
        self.progress.begin((2 if self.path.kind == "tun" else 1) * rounds)
        paths = (
            {"open after 20 ms": AFTER_20, "open at once": AT_ONCE}
            if self.path.kind == "tun"
            else {"loopback": AT_ONCE}
        )
        rows = {name: [] for name in paths}
        for _ in range(rounds):
            for name, ports in paths.items():
                with contextlib.redirect_stderr(io.StringIO()):  # it has a line of its own for each round
                    rows[name] += engine_cost.compare(self.path, name, 1, count, 1000, ports, "3200ms")
                self.progress.tick()
        return rows

    def hold(self):
        """Unanswered connects in flight at once; --quick in one process only."""
        self.progress.begin()
        if self.path.kind == "loopback":
            return []
        if not self.quick:
            return [self.path.hold(1, 19900, 12), self.path.hold(3, 16960, 16)]
        h = chain.held(self.path, 19900)
        return [
            {
                "engines": 1,
                "slots_each": 19900,
                "in_flight_max": h["in_flight"],
                "rss_bytes_per_slot": h["rss_kb"] * 1024 / h["in_flight"],
                "allocated_bytes_per_slot": h["allocated_kb"] * 1024 / h["in_flight"],
            }
        ]

    def memory(self):
        sizes = [1000, 5000, 10000] if self.quick else [1000, 2500, 5000, 10000, 15000, 19900]
        self.progress.begin()
        return [chain.held(self.path, n) for n in sizes] if self.path.kind == "tun" else []

    def speed(self):
        """Every prober in turn; one that fails is not run any more, with the reason."""
        rounds = 1 if self.quick else 5
        listed = peers.all_peers()
        out = {p.name: self.about(p) for p in listed}
        able = {p.name: p for p in listed if not out[p.name]["not_run"]}
        self.progress.begin(rounds * len(able))

        def call(peer):
            def run():
                if out[peer.name]["not_run"]:
                    return None
                try:
                    figures = peer.speed(self.path, self.quick)
                    if not figures["probes"]:
                        raise ValueError(f"it sent nothing: {figures.get('said', '')[-200:]}")
                    return figures
                except (OSError, ValueError, LookupError, SystemExit) as e:
                    out[peer.name]["not_run"] = f"{type(e).__name__}: {e}"
                    return None

            return run

        rows = harness.in_turn({n: call(p) for n, p in able.items()}, rounds, self.progress.tick)
        return {"peers": out, "rounds": rows}

    def about(self, peer):
        why = peer.missing(self.path)
        return {
            "package": peer.package,
            "version": None if why else peer.version(),
            "note": peer.note,
            "half": peer.half,
            "not_run": why,
        }

    def field(self):
        """What each finds, not how fast.  --quick lets them run at the same time, but for nmap, which measures what
        it may send."""
        self.progress.begin()
        truth = field.targets(self.quick)

        def ask(peer):
            if why := peer.missing(self.path):
                return {"not_run": why}
            began = time.monotonic()
            try:
                said = peer.field(self.path, self.quick)
            except Exception as e:  # a rival that stumbles costs its row only
                return {"not_run": f"{type(e).__name__}: {e}"}
            if said is None:
                return (
                    {"not_run": "not in --quick: each port is a run of its own"}
                    if isinstance(peer, peers.ZMap)
                    else None
                )
            asked = peer.asked(truth)
            return {
                "note": "one port of each kind" if len(asked) < len(truth) else "",
                "took_s": time.monotonic() - began,
                **field.score(asked, said),
            }

        listed = [p for p in peers.all_peers() if type(p).field not in (peers.Peer.field, peers.HAProxyFull.field)]
        if self.path.kind == "loopback":
            return {}
        alone = [p for p in listed if not self.quick or isinstance(p, peers.Nmap)]
        found = {p.name: ask(p) for p in alone}
        with ThreadPoolExecutor(len(listed)) as pool:
            found.update({p.name: f for p, f in zip(listed, pool.map(lambda p: found.get(p.name) or ask(p), listed))})
        return {p.name: found[p.name] for p in listed if found[p.name]}

    def own(self):
        variants = own.variants(self.path, self.quick)
        rounds = 1 if self.quick else 4
        self.progress.begin(rounds * len(variants))
        return harness.in_turn(variants, rounds, self.progress.tick)

    def redis(self):
        self.progress.begin()
        return chain.redis_cost(self.path, 15000 if self.quick else 60000, peers.SLOW)

    def rtt(self):
        """At 90 % of what the engine does when far too much is due, and at a million monitors a minute."""
        self.progress.begin()
        if self.path.kind == "loopback":
            return {}
        reached = chain.driven(self.path, 60000, 1 if self.quick else 4)["rate_reached"]
        seconds = 1.5 if self.quick else 12
        rates = {"90 % load": 0.9 * reached, "a million a minute": chain.RATE_TARGET}
        return {"rate_reached": reached, **{n: chain.rtt(self.path, r, seconds) for n, r in rates.items()}}

    def load(self):
        """Monitors at 60 s through scheduler, engine and alerts; the first minute of each is not measured."""
        sizes = (
            [(10000, 1, 3)] if self.quick else [(1000, 62, 15), (10000, 62, 15), (100000, 62, 15), (1000000, 66, 25)]
        )
        self.progress.begin(len(sizes))
        found = []
        for count, settle_s, seconds in sizes if self.path.kind == "tun" else []:
            found.append(chain.load(self.path, count, settle_s, seconds))
            self.progress.tick(f"{count} monitors")
        return found

    def alerts(self):
        self.progress.begin()
        return chain.alerts(self.path, 5000 if self.quick else 100000)

    def scheduler(self):
        self.progress.begin()
        return chain.scheduler(self.path, 1000000, 78, 15)

    def soak(self):
        left = MINUTES_MAX * 60 - (time.monotonic() - self.began)
        seconds = int(min(SOAK_S, max(120, left)))
        self.progress.begin(seconds // 5)
        if self.path.kind == "loopback":
            return {"not_run": "its targets are behind the scripted peer, and there is only loopback here"}

        def tell():
            return {"time_to_tell": chain.time_to_tell(self.path, 3, 50, 60, self.seed)}

        found, beside = chain.soak(self.path, 6000, seconds, tell, self.progress.tick)
        self.result.update(beside)
        return found

    def steps(self):
        """(name of the step and of its figures, what a person reads, seconds thought)."""
        quick = [
            ("cost", "bare loop and engine", 9),
            ("speed", "probers in turn", 16),
            ("field", "the mixed field", 9),
            ("own", "baselines of our own", 5),
            ("redis", "what Redis takes", 2),
            ("rtt", "round-trip time beside the wire", 6),
            ("memory", "memory against connects in flight", 1),
            ("hold", "in flight at once", 1),
            ("load", "10,000 monitors", 5),
            ("alerts", "alerts, a backlog", 1),
        ]
        full = [
            ("cost", "bare loop and engine", 60),
            ("speed", "probers in turn", 220),
            ("field", "the mixed field", 75),
            ("own", "baselines of our own", 90),
            ("redis", "what Redis takes", 8),
            ("rtt", "round-trip time beside the wire", 28),
            ("memory", "memory against connects in flight", 6),
            ("hold", "in flight at once", 50),
            ("load", "1k, 10k, 100k, 1M monitors", 380),
            ("alerts", "alerts, a backlog", 20),
            ("scheduler", "scheduler, 1M monitors in 3 regions", 135),
            ("soak", "10 minutes, and time to tell", 610),
        ]
        return quick if self.quick else full

    def one(self, name, text):
        """A step that fails costs its own part of the table, for nobody may be there to begin again."""
        try:
            self.result[name] = getattr(self, name)()
        except (Exception, SystemExit) as e:
            self.result["failed"][text] = f"{type(e).__name__}: {e}"
            self.path.clear()

    def all(self, only=None):
        steps = [s for s in self.steps() if not only or s[0] in only]
        self.progress = harness.Progress([(text, s) for _, text, s in steps])
        self.result["left_out"], self.result["failed"] = [], {}
        for name, text, thought in steps:
            if self.quick and time.monotonic() - self.began + thought > QUICK_S:
                self.result["left_out"].append(text)
                self.progress.begin()
            else:
                self.one(name, text)
            self.progress.end()
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        self.result["steps"] = self.progress.took


# ---- figures out of rounds -----------------------------------------------------------------------------------------


def us(row):
    """CPU per probe in us; of ours redis-server's with it."""
    return (row["cpu_s"] + row.get("redis_cpu_s", 0)) / row["probes"] * 1e6


def spread(values):
    if len(values) < 2:
        return {"median": values[0], "low": values[0], "high": values[0]} if values else None
    low, middle, high = statistics.quantiles(values, n=4)
    return {"median": middle, "low": low, "high": high}


def summary_speed(speed):
    """For each prober medians, and how many times as many probes a CPU second ours makes, within a round."""
    found = {}
    for name, about in speed["peers"].items():
        rows = [r for r in speed["rounds"] if r.get(name)]
        if not rows:
            found[name] = {**about, "not_run": about["not_run"] or "it gave no figures"}
            continue
        pick = lambda f: median([f(r[name]) for r in rows])
        against = lambda ours: spread([us(r[name]) / us(r[ours]) for r in rows if r.get(ours)])
        found[name] = {
            **about,
            "not_run": None,
            "cpu_us": pick(lambda r: r["cpu_s"] / r["probes"] * 1e6),
            "redis_us": pick(lambda r: r.get("redis_cpu_s", 0) / r["probes"] * 1e6),
            "rate": pick(lambda r: r["probes"] / r["wall_s"]),
            "syn_per_probe": pick(lambda r: r.get("syn", 0) / r["probes"]),
            "handshakes_per_probe": pick(lambda r: r.get("handshakes", 0) / r["probes"]),
            "found_share": pick(lambda r: r["open"] / r["probes"] if "open" in r else 1.0)
            if any("open" in r[name] for r in rows)
            else None,
            "ours_full": against("portwatch"),
            "ours_half": against("portwatch half"),
        }
    return found


def targets(result):
    """What issue 5 wants of this run; value None: not measured here."""
    rows = []

    def at(what, value, bound, unit, least=False, note=""):
        held = None if value is None else value >= bound if least else value <= bound
        rows.append(
            {"what": what, "value": value, "bound": bound, "least": least, "unit": unit, "held": held, "note": note}
        )

    def of(table, *keys):
        for key in keys:
            table = (table or {}).get(key)
        return table

    for name, rounds in result.get("cost", {}).items():
        s = spread(engine_cost.ratios(rounds))
        at(
            f"engine CPU per probe, {name}",
            s["median"],
            1.10,
            "x the bare loop's",
            note=f"quartiles {s['low']:.2f} and {s['high']:.2f}",
        )
        at(
            f"redis-server CPU per probe, {name}",
            median([r["io_uring"]["redis_us_per_probe"] for r in rounds]),
            0.8,
            "us",
        )
    speed = result.get("summary", {})
    for what, name, ours, bound in (
        ("full handshake against HAProxy's, full", "HAProxy, full", "ours_full", 1.7),
        ("half against HAProxy's checks (half)", "HAProxy checks", "ours_half", 2.2),
        ("full handshake against nmap -sT", "nmap -sT", "ours_full", 2.6),
        ("full handshake against blackbox_exporter", "blackbox_exporter", "ours_full", 30),
    ):
        s = of(speed, name, ours)
        at(
            f"probes per CPU second, {what}",
            s and s["median"],
            bound,
            "x",
            True,
            f"quartiles {s['low']:.2f} and {s['high']:.2f}; redis-server's CPU is counted as ours" if s else "",
        )
    error = of(result, "rtt", "90 % load", "error_us", "percentiles")
    rate = of(result, "rtt", "90 % load", "rate_reached")
    at(
        "published rtt against the wire, p99 at 90 % load",
        error and error["99"],
        100,
        "us",
        note=f"{rate:.0f} probes/s" if error else "",
    )
    million = next((l for l in result.get("load", []) if l["monitors"] == 1000000), None)
    late = of(million, "late_us", "percentiles") or of(result, "rtt", "a million a minute", "late_us", "percentiles")
    at(
        "start lateness, p99 at a million monitors a minute",
        late and late["99"] / 1000,
        20,
        "ms",
        note="" if not late else "the whole chain" if million else "jobs put in by the bench, without the scheduler",
    )
    return rows


# ---- what is printed -----------------------------------------------------------------------------------------------


def number(v, digits=None):
    if v is None:
        return "-"
    return (
        f"{v:,.0f}"
        if abs(v) >= 1000 or digits == 0
        else f"{v:.0f}"
        if abs(v) >= 100
        else f"{v:.1f}"
        if abs(v) >= 10
        else f"{v:.2f}"
    )


def print_speed(result):
    where = (
        "open after 20 ms"
        if result["path"] == "tun"
        else "on loopback, where their half of the handshake is counted as ours"
    )
    print(
        f"\nprobers, in turn on the same path, targets {where}; ratio: CPU per probe over ours (redis-server's with it)"
    )
    print(f"{'':<20}{'CPU/probe':>11}{'probes/s':>10}{'shake':>7}{'found':>7}{'/ full':>8}{'/ half':>8}   what and how")
    for name, s in result["summary"].items():
        if s["not_run"]:
            print(f"{name:<20} not run: {s['not_run']}")
            continue
        plus = f"+{s['redis_us']:.1f}" if s["redis_us"] else ""
        shake = "half" if s["half"] else "full"
        found = "" if s["found_share"] is None else f"{100 * s['found_share']:.0f} %"
        ratio = lambda r: f"{r['median']:.2f}" if r else "-"
        print(
            f"{name:<20}{number(s['cpu_us']) + plus:>8} us{number(s['rate'], 0):>10}{shake:>7}{found:>7}{ratio(s['ours_full']):>8}{ratio(s['ours_half']):>8}   "
            f"{s['version'] or s['package']}; {s['note']}"
        )


def print_field(result):
    kinds = [k for k, *_ in field.KINDS]
    print("\nthe same mixed field for all: found of asked, and what the others were called")
    print(f"{'':<20}" + "".join(f"{k:>18}" for k in kinds) + f"{'missed':>8}{'misnamed':>10}")
    for name, s in result["field"].items():
        if s.get("not_run"):
            print(f"{name:<20} not run: {s['not_run']}")
            continue
        cells = "".join(
            f"{s['kinds'][k]['found']:>12} / {s['kinds'][k]['of']:<3}" if k in s["kinds"] else f"{'not asked':>18}"
            for k in kinds
        )
        called = sorted(
            {f"{k} called {'down, no more' if a == 'down' else a}" for k in s["kinds"] for a in s["kinds"][k]["called"]}
        )
        t = s["total"]
        print(
            f"{name:<20}{cells}{t['missed']:>8}{t['misnamed'] + t['false_open']:>10}   {'; '.join(called)}{' (' + s['note'] + ')' if s['note'] else ''}"
        )


def print_own(result):
    print("\nbaselines of our own; ratio: CPU per probe over the engine's, within a round")
    for name in result["own"][0]:
        rows = result["own"]
        ratio = spread([us(r[name]) / us(r[own.BASE]) for r in rows])
        cpu, redis = median([r[name]["cpu_s"] / r[name]["probes"] * 1e6 for r in rows]), median(
            [r[name].get("redis_cpu_s", 0) / r[name]["probes"] * 1e6 for r in rows]
        )
        print(
            f"  {name:<32}{cpu:>7.1f} us{f' + {redis:.2f} redis' if redis else '':<14}{median([r[name]['probes'] / r[name]['wall_s'] for r in rows]):>9.0f} probes/s{ratio['median']:>8.2f}"
        )


def print_chain(result):
    print("\nthe whole chain")
    for l in result.get("load", []):
        cpu = ", ".join(f"{k} {v:.1f}" for k, v in l["cpu_us_per_probe"].items())
        p = l["late_us"].get("percentiles")
        late = f"late p50 {p['50'] / 1000:.1f}, p99 {p['99'] / 1000:.1f}, most {p['100'] / 1000:.1f} ms" if p else ""
        print(f"  {l['monitors']:>9,} monitors: {l['rate']:>7.0f} probes/s; us of CPU a probe: {cpu}; {late}")
    for name, r in result.get("redis", {}).items():
        aof = f", {r['aof_bytes']:.0f} B of AOF" if r["aof_bytes"] else ""
        print(
            f"  Redis, {name}: {r['cpu_us']:.2f} us, {r['in_bytes']:.0f} B in, {r['out_bytes']:.0f} B out, {r['commands']:.2f} commands a probe{aof}"
        )
    for name in ("90 % load", "a million a minute"):
        r = result.get("rtt", {}).get(name)
        if r and "error_us" in r and r["samples"]:
            e, l = r["error_us"]["percentiles"], r["late_us"]["percentiles"]
            print(
                f"  {name}, {r['rate']:.0f} due/s, {r['rate_reached']:.0f} done/s: published rtt off the wire by p50 {e['50']:.1f}, p99 {e['99']:.1f}, most {e['100']:.0f} us "
                f"of {r['samples']}; late p50 {l['50'] / 1000:.1f}, p99 {l['99'] / 1000:.1f} ms"
            )
    for m in result.get("memory", []):
        print(
            f"  {m['in_flight']:>6.0f} in flight: {m['allocated_kb'] * 1024 / m['in_flight']:.0f} B allocated, {m['rss_kb'] * 1024 / m['in_flight']:.0f} B resident"
            + (
                ""
                if m["kernel_kb"] is None
                else f", {m['kernel_kb'] * 1024 / m['in_flight']:.0f} B of the kernel's each"
            )
        )
    a = result.get("alerts")
    if a and "results_per_cpu_s" in a:
        print(
            f"  alerts: {a['results_per_cpu_s']:,} results a CPU second, {a['monitors']:,} monitors, {a['rss_kb'] / 1024:.0f} MB, restart {a['restart_s']:.1f} s"
        )
    s = result.get("scheduler")
    if s and "cpu_percent" in s:
        print(
            f"  scheduler: {s['monitors']:,} monitors in 3 regions, {s['jobs_per_s']:,.0f} jobs/s: {s['cpu_percent']:.1f} % of a core, {s['rss_mb']:.0f} MB, "
            f"{s['within_50_ms_percent']:.2f} % of entries within 50 ms, ledger off by {s['ledger_off']:.0f}"
        )
    t = result.get("time_to_tell")
    if t and "seconds" in t:
        for kind, values in t["seconds"].items():
            v = sorted(values)
            print(
                f"  time to tell, {kind}: p50 {harness.percentile(v, .5):.1f}, p99 {harness.percentile(v, .99):.1f}, most {v[-1]:.1f} s of {len(v)}; {len(t['wrong'])} told wrongly"
            )
    k = result.get("soak")
    if k and "points" in k:
        print(
            f"  soak of {k['seconds']} s, {k['published']:,.0f} probes; growth in KB a minute: "
            + ", ".join(f"{n} {v:+.0f}" for n, v in k["growth_kb_per_min"].items())
        )
    for name in ("alerts", "scheduler", "soak", "time_to_tell"):
        if (result.get(name) or {}).get("not_run"):
            print(f"  {name}: not run: {result[name]['not_run']}")


def print_targets(rows):
    print("\ntargets")
    for t in rows:
        word = "not run" if t["held"] is None else "held" if t["held"] else "MISSED"
        note = f"; {t['note']}" if t["note"] else ""
        print(
            f"  {word:<8}{t['what']:<76}{number(t['value']):>7} {t['unit']} ({'at least' if t['least'] else 'at most'} {t['bound']:g}{note})"
        )


def own_words(words):
    """The command line as a person typed it: scripts/bench adds --build and its folder."""
    return words[2:] if words[:1] == ["--build"] else words


def main():
    ap = argparse.ArgumentParser(
        prog="bench", description="What a probe costs, and how late and how right it is; beside others, on one path."
    )
    ap.add_argument("--build", default="build", help=argparse.SUPPRESS)
    ap.add_argument("--quick", action="store_true", help="one round and small counts, under a minute; says less")
    ap.add_argument(
        "--full", action="store_true", help="everything, under half an hour (this is what happens without --quick)"
    )
    ap.add_argument(
        "--only",
        help="some steps only, with commas: cost, speed, field, own, redis, rtt, hold, memory, load, alerts, scheduler, soak",
    )
    ap.add_argument("--seed", type=int, default=1, help="of the outages in time to tell")
    ap.add_argument(
        "--json", help="where the figures go (bench/results/DATE-HOST.json; with --quick or --only BUILD/bench.json)"
    )
    a = ap.parse_args()
    if a.quick and a.full:
        ap.error("--quick and --full are two")
    kind, why = harness.enter_namespace()
    if kind == "loopback":
        print(f"bench: {why}: only what loopback can show, and no one else's probers", file=sys.stderr)
    only = a.only.split(",") if a.only else None
    when = datetime.datetime.now().astimezone()
    result = {
        "format": 1,
        "when": when.isoformat(timespec="seconds"),
        "kind": "quick" if a.quick else "full" if not only else "part",
        "path": kind,
        "why_loopback": why,
        "seed": a.seed,
        "command": shlex.join(["scripts/bench", *own_words(sys.argv[1:])]),
        "host": harness.host(),
    }
    with harness.Path(a.build, a.quick, kind, field.RULES) as path:
        run = Run(path, a.quick, a.seed)
        run.result = result
        run.all(only)
        result["commands"] = path.commands
    result["took_s"], result["host"]["load_after"] = round(time.monotonic() - run.began, 1), os.getloadavg()
    if "cost" in result:
        result["bounds"] = engine_cost.bounds({"cost": result["cost"], "hold": result.get("hold", [])})
        print(engine_cost.table({"cost": result["cost"], "hold": result.get("hold", [])}))
        print(engine_cost.bounds_table(result["bounds"]))
    if "speed" in result:
        result["summary"] = summary_speed(result["speed"])
        print_speed(result)
    if result.get("field"):
        print_field(result)
    if "own" in result:
        print_own(result)
    print_chain(result)
    result["targets"] = targets(result)
    print_targets(result["targets"])
    for text, why in result["failed"].items():
        print(f"\nnot measured, {text}: {why}")
    if result["left_out"]:
        print("\nleft out, for --quick has a minute: " + ", ".join(result["left_out"]))
    out = a.json or (
        f"{a.build}/bench.json"
        if a.quick or only
        else f"{os.path.dirname(os.path.abspath(__file__))}/results/{when:%Y-%m-%d}-{result['host']['name']}.json"
    )
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    with open(out, "w") as f:
        json.dump(result, f, indent=None, separators=(",", ":"))
        f.write("\n")
    print(
        f"\n{result['took_s']:.0f} s; figures and command lines: {os.path.relpath(out)}; as a page: bench/report {os.path.relpath(out)}"
    )


if __name__ == "__main__":
    main()
