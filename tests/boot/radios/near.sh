#!/bin/sh
# near.sh: what the device is connected to by its cable: a private network, in a namespace, with a web server in
# it and one behind it that tell who asks.
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
E
cat > /run/near.py <<E
import http.server

class Visited(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"visitor {self.client_address[0]}\n".encode())

http.server.ThreadingHTTPServer(("", 80), Visited).serve_forever()
E
ip netns exec near python3 /run/near.py > /dev/null 2>&1 &
networkctl reload
