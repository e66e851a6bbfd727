#!/usr/bin/env python3
"""dns_server.py - an authoritative resolver that does what a name tells it to, on UDP and TCP.
Usage: dns_server.py ADDRESS PORT [FILE]; says its port and "ready" when it listens; one line on stdout for each question.

The labels of a name before the first that is no instruction are what happens to the question; everything may be combined:

    a-192-0-2-1 (A record, several: all of them), aaaa-2001-db8--1 (AAAA), ttl-5, slow-300 (ms), nxdomain, nodata, soa-7
    (minimum of a negative answer), servfail, refused, truncated (by UDP; by TCP all of it), dead (no answer), garbage,
    mx-10-mail--test, ns-ns1--test, alias-www--test (CNAME), txt-hello (-- is a dot), many-20 (20 A records 127.1.0.1...), cname-3 (a chain, the records at its end), once (dead from the second question
    on), turn (each answer has the next one of its A records, alone)

FILE, where it is given, is read at every question: a line "NAME INSTRUCTION.INSTRUCTION" says what a name means now, one
that begins with * what all others mean.
Names end in .test by custom; case does not matter."""
import socket, struct, sys, threading, time

seen = {}
lock = threading.Lock()
A, NS, CNAME, SOA, MX, TXT, AAAA, OPT = 1, 2, 5, 6, 15, 16, 28, 41


def encode(name):
    return b"".join(bytes([len(l)]) + l.encode() for l in name.split(".") if l) + b"\0"


def question(message):
    at, labels = 12, []
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    return ".".join(labels), struct.unpack(">H", message[at + 1 : at + 3])[0], at + 5


def meaning(name, file):
    if file:
        try:
            for line in open(file):
                words = line.split()
                if words and (words[0].lower() == name.lower() or words[0] == "*"):
                    return words[1].lower().split(".")
        except OSError:
            pass
    return name.lower().split(".")


def record(name, kind, ttl, data):
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def answer(message, tcp, file):
    """What to send and after how many seconds; None: nothing."""
    name, kind, end = question(message)
    with lock:
        seen[name, kind] = times = seen.get((name, kind), 0) + 1
        print("tcp" if tcp else "udp", {A: "A", AAAA: "AAAA", MX: "MX", NS: "NS", CNAME: "CNAME", TXT: "TXT"}.get(kind, kind), name, flush=True)
    v4, v6, ttl, wait, rcode, cut, chain, minimum, turn = [], [], 60, 0, 0, False, 0, 60, False
    nodata, other = False, {MX: [], NS: [], CNAME: [], TXT: []}
    for label in meaning(name, file):
        word, _, rest = label.partition("-")
        if word == "a": v4.append(socket.inet_pton(socket.AF_INET, rest.replace("-", ".")))
        elif word == "aaaa": v6.append(socket.inet_pton(socket.AF_INET6, rest.replace("-", ":")))
        elif word == "mx": other[MX].append(struct.pack(">H", int(rest.split("-")[0])) + encode(rest.partition("-")[2].replace("--", ".")))
        elif word == "ns": other[NS].append(encode(rest.replace("--", ".")))
        elif word == "alias": other[CNAME].append(encode(rest.replace("--", ".")))
        elif word == "txt": other[TXT].append(bytes([len(rest)]) + rest.replace("--", ".").encode())
        elif word == "many": v4 += [bytes([127, 1, i >> 8, i & 255]) for i in range(1, int(rest) + 1)]
        elif word == "ttl": ttl = int(rest)
        elif word == "slow": wait = int(rest) / 1000
        elif word == "soa": minimum = int(rest)
        elif word == "cname": chain = int(rest)
        elif word == "nxdomain": rcode = 3
        elif word == "servfail": rcode = 2
        elif word == "refused": rcode = 5
        elif word == "nodata": nodata = True
        elif word == "truncated": cut = not tcp
        elif word == "turn": turn = True
        elif word == "dead": return None, 0
        elif word == "once":
            if times > 1: return None, 0
        elif word == "garbage": return message[:2] + b"\x81\x80" + b"\0\1\0\1\0\0\0\0" + b"\xff" * 40, wait
        else: break
    data = {A: v4, AAAA: v6, **other}.get(kind, [])
    if turn and data: data = [data[(times - 1) % len(data)]]
    if nodata or rcode or cut: data = []
    owner, records = b"\xc0\x0c", []
    if data:
        for i in range(chain):
            nxt = encode("link%d.%s" % (i, "chain.test"))
            records.append(record(owner, CNAME, ttl, nxt))
            owner = nxt
    records += [record(owner, kind, ttl, d) for d in data]
    authority = []
    if not data and rcode in (0, 3) and not cut:
        soa = encode("ns.test") + encode("host.test") + struct.pack(">IIIII", 1, 2, 3, 4, minimum)
        authority = [record(encode("test"), SOA, 3600, soa)]
    flags = 0x8400 | (0x0200 if cut else 0) | (struct.unpack(">H", message[2:4])[0] & 0x0100) | 0x80 | rcode
    head = message[:2] + struct.pack(">HHHHH", flags, 1, len(records), len(authority), 0)
    whole = head + message[12:end] + b"".join(records + authority)
    if not tcp and len(whole) > 1232:
        head = message[:2] + struct.pack(">HHHHH", flags | 0x0200, 1, 0, 0, 0)
        whole = head + message[12:end]
    return whole, wait


def later(send, whole, wait):
    if whole is None: return
    if wait: threading.Timer(wait, send, [whole]).start()
    else: send(whole)


def serve_tcp(link, file):
    def read(n):
        got = b""
        while len(got) < n:
            more = link.recv(n - len(got))
            if not more: raise EOFError
            got += more
        return got
    try:
        while True:
            message = read(struct.unpack(">H", read(2))[0])
            whole, wait = answer(message, True, file)
            later(lambda w: link.sendall(struct.pack(">H", len(w)) + w), whole, wait)
    except (EOFError, OSError):
        link.close()


def main():
    address, port, file = sys.argv[1], int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tcp = socket.socket(family, socket.SOCK_STREAM)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    tcp.bind((address, port))
    tcp.listen(64)
    port = tcp.getsockname()[1]
    udp = socket.socket(family, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    udp.bind((address, port))

    def accept():
        while True:
            link, _ = tcp.accept()
            threading.Thread(target=serve_tcp, args=(link, file), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print("port %d\nready" % port, flush=True)
    while True:
        message, peer = udp.recvfrom(4096)
        try:
            whole, wait = answer(message, False, file)
        except (IndexError, ValueError, struct.error, OSError):
            continue
        later(lambda w, p=peer: udp.sendto(w, p), whole, wait)


main()
