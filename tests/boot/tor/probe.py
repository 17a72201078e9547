"""What a client of the hotspot may try, all at once: one line each, NAME and what came of it.

probe.py inside     names, a page and an onion service, until they work or for ten minutes
probe.py outside    everything that must not get out of the device
probe.py gateway    the device's own ports
probe.py through    what a hotspot without Tor lets through, and what it does not
probe.py hold       two connections, kept for a minute
probe.py flood      datagrams and new connections without a pause

PATIENCE is how many seconds a probe waits, FLOOD how many the flood lasts, GATEWAY the hotspot's address,
WEB_6 the server by IPv6.
"""

import os
import socket
import struct
import sys
import threading
import time

GATEWAY = os.environ.get("GATEWAY", "192.168.42.1")
NAMES, WEB, NEAR = "198.18.0.53", "198.18.0.80", "192.168.7.80"
WEB_6 = os.environ.get("WEB_6", "fd98::1")
PATIENCE = float(os.environ.get("PATIENCE", 12))
FLOOD = float(os.environ.get("FLOOD", 20))


def resolve(name, server, patience=PATIENCE):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(patience)
        labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
        question = os.urandom(2) + b"\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"
        asking.sendto(question, (server, 53))
        answer = asking.recv(2000)
    if answer[3] & 15 or answer[6:8] == b"\0\0":
        raise OSError("no such name")
    return socket.inet_ntoa(answer[-4:])


def fetch(host, patience=PATIENCE):
    with socket.create_connection((host, 80), timeout=patience) as web:
        web.sendall(b"GET / HTTP/1.0\r\n\r\n")
        page = b""
        while part := web.recv(4096):
            page += part
    return page.split(b"\r\n\r\n", 1)[1].decode().strip()


def insist(attempt):
    """Tries again as a browser's user would: a circuit may fail."""
    until = time.time() + 600
    while True:
        try:
            return attempt()
        except (OSError, IndexError):
            if time.time() > until:
                raise
            time.sleep(1)


def datagram(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.settimeout(PATIENCE)
        sending.connect((WEB, port))
        sending.send(b"leak")
        sending.recv(100)
    return "answered"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def echo():
    request = struct.pack(">BBHHH", 8, 0, 0, 77, 1) + b"leak"
    request = request[:2] + struct.pack(">H", checksum(request)) + request[4:]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as sending:
        sending.settimeout(PATIENCE)
        sending.sendto(request, (WEB, 0))
        # What comes back of the other probes comes here as well, with the protocol of what it is about.
        while (answer := sending.recv(1000))[20] != 0 and answer[37] != socket.IPPROTO_ICMP:
            pass
    return "answered" if answer[20] == 0 else f"refused, type {answer[20]}"


def raw(protocol, packet):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, protocol) as sending:
        sending.sendto(packet, (WEB, 0))
    return "sent"


def segment(flags):
    """TCP without a SYN belongs to no connection; a rule for new ones alone would let it through."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((WEB, 80))
        own = route.getsockname()[0]
    packet = struct.pack(">HHIIBBHHH", 40000 + flags, 80, 1, 1, 0x50, flags, 1024, 0, 0)
    pseudo = socket.inet_aton(own) + socket.inet_aton(WEB) + struct.pack(">BBH", 0, 6, len(packet))
    sum_ = struct.pack(">H", checksum(pseudo + packet))
    return raw(socket.IPPROTO_TCP, packet[:16] + sum_ + packet[18:])


def version_6(kind):
    with socket.socket(socket.AF_INET6, kind) as sending:
        sending.settimeout(PATIENCE)
        sending.connect((WEB_6, 80))
        sending.send(b"leak")
        sending.recv(100)
    return "answered"


def knock(port):
    with socket.create_connection((GATEWAY, port), timeout=PATIENCE):
        return "open"


def ask(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        sending.settimeout(PATIENCE)
        sending.connect((GATEWAY, port))
        sending.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\3web\7example\3net\0\0\1\0\1")
        sending.recv(2000)
    return "open"


def onion():
    name = open("/tmp/relays/onion/hostname").read().strip()
    mapped = resolve(name, GATEWAY, 60)
    return f"{mapped} {fetch(mapped, 120)}"


def hold():
    with socket.create_connection((WEB, 80), timeout=60):
        time.sleep(60)
    return "held"


def flood():
    sent, until = 0, time.time() + FLOOD
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.setblocking(False)
        while time.time() < until:
            with socket.socket() as connection:
                connection.setblocking(False)
                for attempt in (
                    lambda: datagrams.sendto(b"flood", (WEB, 443)),
                    lambda: connection.connect((WEB, 81)),
                ):
                    try:
                        attempt()
                    except OSError:
                        pass
                    sent += 1
    return f"{sent} attempts"


PROBES = {
    "inside": {
        "names of the gateway": lambda: insist(lambda: resolve("web.example.net", GATEWAY, 60)),
        "names of a stranger": lambda: insist(lambda: resolve("www.example.net", NAMES, 60)),
        "page": lambda: insist(lambda: fetch(WEB, 60)),
        "onion": lambda: insist(onion),
    },
    "outside": {
        "names": lambda: resolve("leak.example.net", NAMES),
        "page": lambda: fetch(WEB),
        "quic": lambda: datagram(443),
        "time": lambda: datagram(123),
        "mdns": lambda: datagram(5353),
        "echo": echo,
        "ack": lambda: segment(0x10),
        "fin": lambda: segment(0x11),
        "reset": lambda: segment(0x04),
        "sctp": lambda: raw(132, b"leaksctp" * 2),
        "gre": lambda: raw(47, b"leak-gre"),
        "esp": lambda: raw(50, b"leak-esp" * 2),
        "ipv6 page": lambda: version_6(socket.SOCK_STREAM),
        "ipv6 datagram": lambda: version_6(socket.SOCK_DGRAM),
    },
    "gateway": {
        f"tcp {port}": lambda port=port: knock(port)
        for port in (22, 53, 80, 9040, 9050, 9051, 9053, 1338)
    }
    | {"udp 9053": lambda: ask(9053)},
    "through": {
        "names of the gateway": lambda: resolve("web.example.net", GATEWAY),
        "page": lambda: fetch(WEB),
        "quic": lambda: datagram(443),
        "echo": echo,
        "page near": lambda: fetch(NEAR),
        "ipv6 page": lambda: fetch(WEB_6),
    },
    "hold": {"one": hold, "another": hold},
    "flood": {"flood": flood},
}


def show(name, probe):
    try:
        result = probe()
    except Exception as error:
        result = f"{type(error).__name__}: {error}"
    print(f"{name}: {result}", flush=True)


for item in PROBES[sys.argv[1]].items():
    threading.Thread(target=show, args=item).start()
