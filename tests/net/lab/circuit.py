"""circuit.py CONTROL PORT TARGET...: what comes of each TARGET, HOST:PORT, through one circuit of the Tor
client with the control socket CONTROL and the SOCKS proxy at PORT. The first line has the circuit's relays,
each of the others the page of a target, or why the last relay refused it: it is asked even where the client
knows that it would.
"""

import queue
import socket
import struct
import sys

from stem import CircuitExtensionFailed
from stem.control import Controller, EventType

PATIENCE = 60
refusals = queue.Queue()


def build():
    while True:
        try:
            return tor.new_circuit(await_build=True, timeout=PATIENCE)
        except CircuitExtensionFailed as failure:
            print(failure, file=sys.stderr)


def attach(stream):
    if stream.status == "NEW" and stream.purpose == "USER":
        tor.attach_stream(stream.id, circuit)
    elif stream.status == "DETACHED":
        refusals.put(stream.remote_reason)
        tor.close_stream(stream.id)


def fetch(target):
    """Asks the proxy by the host's name (RFC 1928)."""
    host, port = target.rsplit(":", 1)
    with socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=PATIENCE) as web:
        answer = web.makefile("rb")
        web.sendall(b"\5\1\0")
        answer.read(2)
        web.sendall(b"\5\1\0\3" + bytes([len(host)]) + host.encode() + struct.pack(">H", int(port)))
        if answer.read(10)[1]:
            return f"refused, {refusals.get(timeout=PATIENCE)}"
        web.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return answer.read().split(b"\r\n\r\n", 1)[1].decode().strip()


with Controller.from_socket_file(sys.argv[1]) as tor:
    tor.authenticate()
    circuit = build()
    print(*(relay[1] for relay in tor.get_circuit(circuit).path))
    tor.set_conf("__LeaveStreamsUnattached", "1")
    tor.add_event_listener(attach, EventType.STREAM)
    for target in sys.argv[3:]:
        print(fetch(target))
