"""scan.py TARGET: which ports of TARGET answer, two lines: `tcp` and its ports, `udp` and its ports.

A port that is closed answers too, unless a firewall drops the question: so this shows what a firewall lets
through, whether or not anything listens there. TCP is asked at every port, UDP at those of usual services.
"""

import select
import socket
import struct
import sys
import time

TARGET = sys.argv[1]
FROM = 61000
EVERY = range(1, 65536)
USUAL = [7, 19, 53, 67, 68, 69, 111, 123, 137, 138, 161, 443, 500, 514, 520, 546, 547, 1194, 1900, 4500]
USUAL += [5060, 5353, 5355, 8443, 9001, 9030, 9040, 9050, 9051, 9053, 9443, 10000, 41641, 51820, 65535]
SILENCE = 1


def own_address():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as route:
        route.connect((TARGET, 9))
        return route.getsockname()[0]


def syn(port):
    head = struct.pack(">HHIIBBHHH", FROM, port, port, 0, 0x50, 0x02, 1024, 0, 0)
    pseudo = OWN + socket.inet_aton(TARGET) + struct.pack(">BBH", 0, 6, len(head))
    total = sum(struct.unpack(">16H", pseudo + head))
    total = (total >> 16) + (total & 0xFFFF)
    return head[:16] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + head[18:]


def collect(answers, patience):
    """Ports of answers until there is none for so many seconds."""
    while select.select([raw], [], [], patience)[0]:
        packet = raw.recv(200)
        segment = packet[(packet[0] & 15) * 4 :]
        source, destination = struct.unpack(">HH", segment[:4])
        if packet[12:16] == socket.inet_aton(TARGET) and destination == FROM:
            answers.add(source)


def tcp():
    answers = set()
    # Twice, for a packet may be lost where so many are.
    for _ in range(2):
        for port in EVERY:
            if port not in answers:
                raw.sendto(syn(port), (TARGET, 0))
                collect(answers, 0)
        collect(answers, SILENCE)
    return answers


def udp():
    answers, waiting = set(), {}
    for port in USUAL:
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        asking.connect((TARGET, port))
        asking.send(b"\0\1\1\0\0\1\0\0\0\0\0\0\3web\7example\3net\0\0\1\0\1")
        waiting[asking] = port
    until = time.time() + 2 * SILENCE
    while (left := until - time.time()) > 0:
        for asking in select.select(list(waiting), [], [], left)[0]:
            answers.add(waiting.pop(asking))
    return answers


OWN = socket.inet_aton(own_address())
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
for name, ports in (("tcp", tcp()), ("udp", udp())):
    print(name, *sorted(ports), flush=True)
