"""A relay on the network, as a gate has it: relay.py PORT FILE. GET /on and /off switch it; every change of its contact becomes
a line of FILE, the level and the time in microseconds. It does not switch itself off."""

import http.server
import sys
import time


class Relay(http.server.BaseHTTPRequestHandler):
    contact = 0

    def do_GET(self):
        level = {"/on": 1, "/off": 0}.get(self.path)
        if level not in (None, Relay.contact):
            Relay.contact = level
            with open(sys.argv[2], "a", encoding="ascii") as edges:
                edges.write(f"{level} {time.monotonic_ns() // 1000}\n")
        self.send_response(404 if level is None else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Relay).serve_forever()
