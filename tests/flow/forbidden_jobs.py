"""Prints N targets HOST:PORT whose addresses lie in the special-purpose ranges of engine/special_ranges.def, each range as often
as the others, at its first and last address and between.  (A mapped address is probed as the IPv4 one that it means, which is
forbidden only if that is; so these carry one that is.)  Usage: forbidden_jobs.py DEF N SEED"""
import ipaddress
import random
import re
import sys

text, count, seed = open(sys.argv[1]).read(), int(sys.argv[2]), int(sys.argv[3])
ranges = [ipaddress.ip_network(f"{a}/{bits}") for a, bits in re.findall(r'^RANGE\("([^"]+)", (\d+)', text, re.M)]
private = [r for r in ranges if r.version == 4]
mapped = ipaddress.ip_network("::ffff:0:0/96")
chance = random.Random(seed)
for n in range(count):
    net = ranges[n % len(ranges)]
    where = (n // len(ranges)) % 4
    at = net[0] if where == 0 else net[-1] if where == 1 else net[chance.randrange(net.num_addresses)]
    if at in mapped:
        inside = chance.choice(private)
        at = mapped[int(inside[chance.randrange(inside.num_addresses)])]
    port = chance.randrange(1, 65536)
    print(f"[{at}]:{port}" if net.version == 6 else f"{at}:{port}")
