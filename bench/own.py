"""own.py - baselines of our own, each beside the whole engine in the same rounds.

In: a Path.  Out: {name: a call that gives a row of figures}; a row is at least probes, cpu_s and wall_s.
The bare loop is bench/limit: what the kernel takes when nothing else is done.
"""
from peers import INFLIGHT, SLOW, PortwatchProbe

BASE = "engine"


def bare(path, count, *options):
    said = path.bare(count, INFLIGHT, SLOW, "3200ms", *options)
    return {"probes": said["count"], "cpu_s": said["cpu_s"], "wall_s": said["wall_s"], "open": said["open"]}


def variants(path, quick):
    count = 10000 if quick else 60000

    def chain(*options, close="rst"):
        return lambda: path.chain(count, INFLIGHT, SLOW, "3200ms", *options, close=close)

    return {
        "bare loop": lambda: bare(path, count),
        "bare loop, half": lambda: bare(path, count, "--close", "half"),
        "bare loop, fresh sockets": lambda: bare(path, count, "--socket", "fresh"),
        "bare loop, connect and poll": lambda: bare(path, count, "--how", "poll"),
        BASE: chain(),
        "engine, half": chain(close="half"),
        "engine, fin": chain(close="fin"),
        "engine, epoll": chain("--connector", "epoll"),
        "engine, 2 lanes": chain("--lanes", "2"),
        "engine, without Redis": lambda: PortwatchProbe().speed(path, quick),
    }
