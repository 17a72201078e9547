#!/bin/sh
# near.sh: what the device is connected to by its cable: a private network, in a namespace, with a web server in
# it and one behind it that tell who asks, and names that all lead there.
set -eu
ip netns add near
ip link add uplink0 type veth peer name lan netns near
ip -n near link set lo up
ip -n near address add 192.168.7.1/24 dev lan
ip -n near address add 198.18.0.80/32 dev lo
ip -n near link set lan up

# Below /run: gone with the next boot.
mkdir -p /run/systemd/network
cat > /run/systemd/network/06-uplink0.network <<E
[Match]
Name=uplink0
[Network]
Address=192.168.7.2/24
Gateway=192.168.7.1
DNS=192.168.7.1
E
cat > /run/near.py <<'E'
import http.server
import socket
import threading

def names():
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("", 53))
    while True:
        asked, sender = server.recvfrom(2000)
        # No more than the question, without the options behind it; to one for an IPv4 address, that of the page.
        question = asked[12 : asked.index(0, 12) + 5]
        found = question[-4:-2] == b"\0\1"
        answer = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + bytes([198, 18, 0, 80]) if found else b""
        counts = b"\0\1" + bytes([0, found]) + b"\0\0\0\0"
        server.sendto(asked[:2] + b"\x81\x80" + counts + question + answer, sender)

class Visited(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"visitor {self.client_address[0]}\n".encode())

threading.Thread(target=names, daemon=True).start()
http.server.ThreadingHTTPServer(("", 80), Visited).serve_forever()
E
ip netns exec near python3 /run/near.py > /dev/null 2>&1 &
networkctl reload
