"""The servers of the lab's internet; every question and who asked it becomes one line of output."""

import http.server
import socket
import struct
import threading
import time

NAMES = 53  # the host of DNS and NTP
WEB = 80  # the host of HTTP, and of UDP ports that nobody should reach
ROOT = "root.example.net"  # the name of the server of all names
A, NS = 1, 2  # kinds of records (RFC 1035, 3.2.2)
SINCE_1900 = 2208988800


def address(host):
    return f"198.18.0.{host}"


def serve(host, port, answer):
    """Answers datagrams with what `answer` gives for them and their sender."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address(host), port))

    def loop():
        while True:
            question, sender = server.recvfrom(2000)
            server.sendto(answer(question, sender[0]), sender)

    threading.Thread(target=loop).start()


def dns(question, sender):
    """One server has all names, as if all were names of the root, and no signature."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode("latin1"))
        at += question[at] + 1
    end = at + 5
    (kind,) = struct.unpack(">H", question[at + 1 : at + 3])
    name = ".".join(labels).lower()
    print("DNS", sender, name, kind, flush=True)
    data = b""
    if kind == NS and name == "":
        data = b"".join(bytes([len(label)]) + label for label in ROOT.encode().split(b".")) + b"\0"
    elif kind == A and name.endswith(("example.net", "debian.org")):
        data = socket.inet_aton(address(NAMES if name == ROOT else WEB))
    record = b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(data)) + data
    counts = struct.pack(">HHHH", 1, data != b"", 0, 0)
    return question[:2] + b"\x85\x80" + counts + question[12:end] + (record if data else b"")


def ntp(question, sender):
    def stamp():
        now = time.time() + SINCE_1900
        return struct.pack(">II", int(now), int(now % 1 * 2**32))

    print("NTP", sender, flush=True)
    head = struct.pack(">BBbbII4s", 0x24, 1, 6, -20, 0, 0, b"LOCL")
    return head + stamp() + question[40:48] + stamp() + stamp()


def leak(question, sender):
    print("UDP", sender, question, flush=True)
    return b"reached"


class Server(http.server.ThreadingHTTPServer):
    """On every address of the internet, of IPv4 and IPv6."""

    address_family = socket.AF_INET6


class Web(http.server.BaseHTTPRequestHandler):
    """Tells its visitors who they seem to be."""

    def do_GET(self):
        body = f"visitor {self.visitor()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        print("HTTP", self.visitor(), flush=True)

    def visitor(self):
        return self.client_address[0].removeprefix("::ffff:")


serve(NAMES, 53, dns)
serve(NAMES, 123, ntp)
for port in (123, 443, 5353):
    serve(WEB, port, leak)
# Not just where pages are: exits refuse 25, which is mail's, and careful ones 7777, which is nobody's.
for port in (25, 80, 7777):
    threading.Thread(target=Server(("::", port), Web).serve_forever).start()
print("listening", flush=True)
