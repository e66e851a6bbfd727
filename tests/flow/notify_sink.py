"""notify_sink.py - the other side of the channels: records what it is sent and answers as it was told.

Usage: notify_sink.py http PORT RECORD [PATH=ANSWER,ANSWER...]...
       notify_sink.py smtp PORT RECORD [CERTIFICATE KEY]

http: each request to /PATH takes the next of the path's answers, the last one for ever; a path without any says 200.
  An ANSWER is a status, a status and seconds of Retry-After (429:1), `echo` (500 and the request's path as its
  body), `hang` (never answers), `kill:FILE` (SIGKILL to the pid in FILE, and no answer) or `orphan:FILE` (the same,
  and 200).  PUT /PATH changes the answers.
Each request or mail becomes a line of JSON in RECORD before it is answered.  Prints `ready` when it listens.
"""
import http.server
import json
import os
import signal
import ssl
import sys
import threading
import time

lock = threading.Lock()
record = None


def note(what):
    with lock:
        what["at"] = time.monotonic()
        record.write(json.dumps(what) + "\n")
        record.flush()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    wbufsize = -1
    answers = {}

    def next_answer(self, path):
        with lock:
            left = self.answers.get(path, ["200"])
            return left.pop(0) if len(left) > 1 else left[0]

    def reply(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_PUT(self):
        self.answers[self.path] = self.body().decode().split(",")
        self.reply(200)

    def do_POST(self):
        body = self.body().decode()
        answer = self.next_answer(self.path)
        headers = {k.lower(): v for k, v in self.headers.items()}
        note({"path": self.path, "headers": headers, "body": body, "answer": answer})
        kind, _, more = answer.partition(":")
        if kind == "hang":
            threading.Event().wait()
        elif kind == "kill":
            with open(more) as f:
                os.kill(int(f.read()), signal.SIGKILL)
            self.close_connection = True
        elif kind == "orphan":
            with open(more) as f:
                os.kill(int(f.read()), signal.SIGKILL)
            self.reply(200)
        elif kind == "echo":
            self.reply(500, b"cannot POST " + self.path.encode())
        elif more:
            self.reply(int(kind), b"slowly", Retry_After=more)
        else:
            self.reply(int(kind), b"as scripted")

    def log_message(self, *args):
        pass


def serve_http(port, scripts):
    Handler.answers = {"/" + path: answers.split(",") for path, answers in (s.split("=", 1) for s in scripts)}
    http.server.ThreadingHTTPServer.daemon_threads = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print("ready", flush=True)
    server.serve_forever()


def serve_smtp(port, certificate):
    import asyncio
    from aiosmtpd.smtp import SMTP

    class Keeper:
        async def handle_RCPT(self, server, session, envelope, address, options):
            if address.startswith("nobody"):
                return "550 no such user"
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server, session, envelope):
            note({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
                  "message": envelope.content.decode()})
            return "250 taken"

    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)

    async def run():
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(Keeper(), tls_context=context, loop=loop), "127.0.0.1", port)
        print("ready", flush=True)
        await server.serve_forever()

    asyncio.run(run())


def main():
    global record
    kind, port, path = sys.argv[1:4]
    record = open(path, "a")
    if kind == "http":
        serve_http(int(port), sys.argv[4:])
    else:
        serve_smtp(int(port), sys.argv[4:])


main()
