#!/usr/bin/env python3
"""job_slots.py SOCKET REGION... - every job that stands in pw:{REGION.0}:jobs, one a line: region, monitor, slot, entry's id."""
import socket, struct, sys

link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
redis = link.makefile("rwb")


def reply():
    line = redis.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"-" or not line:
        raise RuntimeError(rest.decode() or "Redis hung up")
    if kind in b"$*" and rest == b"-1":
        return None
    if kind == b"$":
        return redis.read(int(rest) + 2)[:-2]
    return [reply() for _ in range(int(rest))] if kind == b"*" else rest


def ask(*words):
    words = [w.encode() for w in words]
    redis.write(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
    redis.flush()
    return reply()


def unpack(b, at):
    """One msgpack value and where the next one begins: what a batch of jobs is made of."""
    t = b[at]
    if t < 0x80:
        return t, at + 1
    if t in (0xCC, 0xCD, 0xCE):
        n = 1 << (t - 0xCC)
        return int.from_bytes(b[at + 1 : at + 1 + n], "big"), at + 1 + n
    if 0xA0 <= t < 0xC0 or t == 0xD9:
        n, at = (t & 31, at + 1) if t < 0xC0 else (b[at + 1], at + 2)
        return b[at : at + n].decode(), at + n
    n, at = (struct.unpack(">H", b[at + 1 : at + 3])[0], at + 3) if t == 0xDC else (t & 15, at + 1)
    values = []
    for _ in range(n * 2 if 0x80 <= t < 0x90 else n):
        value, at = unpack(b, at)
        values.append(value)
    return values, at


for region in sys.argv[2:]:
    for id, fields in ask("XRANGE", "pw:{%s.0}:jobs" % region, "-", "+"):
        fields = dict(zip(fields[::2], fields[1::2]))
        (_, jobs), _ = unpack(fields[b"b"], 0)
        assert int(fields[b"n"]) == len(jobs)
        for job in jobs:
            print(region, job[0], fields[b"slot"].decode(), id.decode())
