# tls_peers.py DIR - servers for certificate.bats on 127.0.0.1, each with a port of its own; prints "ready".
# With a certificate of DIR behind plain words: 3001 imap, 3002 pop3, 3003 ldap, 3004 postgres; 3005 smtp (aiosmtpd, which
# is a real one), 3006 smtp with an expired certificate.  Hostile or lost: see below.
import os, socket, ssl, sys, threading, time

folder = sys.argv[1]

def context(name):
    c = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    c.load_cert_chain(f"{folder}/{name}.pem", f"{folder}/{name}.key")
    c.sni_callback = lambda s, asked, c: print("asked for", asked, flush=True)
    return c

def serve(port, talk):
    def one(c):
        try:
            talk(c)
        except OSError:
            pass
        c.close()
    def run():
        while True:
            threading.Thread(target=one, args=(s.accept()[0],), daemon=True).start()
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    s.listen(64)
    threading.Thread(target=run, daemon=True).start()

def tls(c, name="good"):
    with context(name).wrap_socket(c, server_side=True) as t:
        while t.recv(100):
            print("application data", flush=True)

def plain(greeting, asks, agrees):
    def talk(c):
        c.sendall(greeting)
        heard = b""
        while len(heard) < len(asks):
            heard += c.recv(len(asks) - len(heard)) or sys.exit()
        print("heard" if heard == asks else f"heard wrongly {heard!r}", flush=True)
        c.sendall(agrees)
        tls(c)
    return talk

serve(3001, plain(b"* OK imap\r\n", b"a STARTTLS\r\n", b"a OK begin\r\n"))
serve(3002, plain(b"+OK pop\r\n", b"STLS\r\n", b"+OK begin\r\n"))
serve(3003, plain(b"", bytes.fromhex("301d02010177188016") + b"1.3.6.1.4.1.1466.20037", bytes.fromhex("300c02010178070a010004000400")))
serve(3004, plain(b"", bytes.fromhex("0000000804d2162f"), b"S"))

def silent(c): time.sleep(30)
def drip(c):
    while True:
        c.sendall(b"2")
        time.sleep(0.05)
def drip_tls(c):  # one record that never ends: 16 KB of a handshake
    c.sendall(bytes.fromhex("160303400002003ffc"))
    while True:
        c.sendall(b"\0")
        time.sleep(0.02)
def huge(c):
    while True:
        c.sendall(b"x" * 65536)
def ssh(c):
    c.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    time.sleep(5)
def hello(c):  # all of it: what is left unread turns an end into a reset
    size = int.from_bytes(c.recv(5, socket.MSG_WAITALL)[3:5], "big")
    c.recv(size, socket.MSG_WAITALL)
def http(c):
    hello(c)
    c.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
def shut(c):
    hello(c)
def reset(c):
    hello(c)
    c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
def injects(c):
    c.sendall(b"+OK\r\n")
    c.recv(100)
    c.sendall(b"+OK\r\n+OK injected\r\n")
    time.sleep(1)
for port, talk in enumerate([silent, drip, drip_tls, huge, ssh, http, shut, reset, injects], 3101):
    serve(port, talk)
serve(3201, lambda c: (c.recv(100), c.sendall(b"N"), time.sleep(1)))  # postgres with ssl = off

try:
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink
    for port, name in (3005, "good"), (3006, "expired"):
        Controller(Sink(), hostname="127.0.0.1", port=port, tls_context=context(name)).start()
except ImportError:
    print("no aiosmtpd", flush=True)

print("ready", flush=True)
while True:
    time.sleep(100)
