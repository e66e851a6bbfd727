"""A name server on 127.0.0.1:PORT (UDP) that turns names against those who ask: prints `ready`, answers until it is ended.
  *.rebind.test   first GOOD, from the second question on BAD; TTL 0
  *.both.test     GOOD and BAD in one answer
  *.bad.test      BAD
  *.good.test     GOOD
AAAA questions for *.mapped.test get ::ffff:BAD; all else is an empty answer.  Usage: rebind_dns.py PORT GOOD BAD"""
import ipaddress
import socket
import struct
import sys

port, good, bad = int(sys.argv[1]), ipaddress.ip_address(sys.argv[2]), ipaddress.ip_address(sys.argv[3])
asked = {}


def addresses(name, kind):
    zone = ".".join(name.split(".")[-2:])
    if kind == 28 and zone == "mapped.test":
        return [ipaddress.ip_address(f"::ffff:{bad}")]
    if kind != 1:
        return []
    asked[name] = asked.get(name, 0) + 1
    return {"good.test": [good], "bad.test": [bad], "both.test": [good, bad],
            "rebind.test": [good] if asked[name] == 1 else [bad]}.get(zone, [])


def answer(question):
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1:at + 1 + question[at]].decode())
        at += 1 + question[at]
    kind = struct.unpack(">H", question[at + 1:at + 3])[0]
    end = at + 5
    found = addresses(".".join(labels).lower(), kind)
    head = question[:2] + struct.pack(">HHHHH", 0x8580, 1, len(found), 0, 0)
    rows = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 0, len(a.packed)) + a.packed for a in found)
    return head + question[12:end] + rows


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
server.bind(("127.0.0.1", port))
print("ready", flush=True)
while True:
    question, who = server.recvfrom(1500)
    try:
        server.sendto(answer(question), who)
    except (IndexError, struct.error, UnicodeDecodeError):
        pass
