"""capture.py INTERFACE: every packet of the interface as a pcap file on the standard output. tcpdump reads
it; to capture itself it wants to become another user, whom the namespace of an ordinary user does not have.
"""

import socket
import struct
import sys
import time

EVERY_PROTOCOL = 0x0003
ETHERNET = 1
LONGEST = 65535

packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
packets.bind((sys.argv[1], EVERY_PROTOCOL))
print("listening", file=sys.stderr, flush=True)
out = sys.stdout.buffer
out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, LONGEST, ETHERNET))
while True:
    packet = packets.recv(LONGEST)
    seconds, rest = divmod(time.time_ns(), 10**9)
    out.write(struct.pack("<IIII", seconds, rest // 1000, len(packet), len(packet)) + packet)
    out.flush()
