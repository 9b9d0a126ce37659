#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Takes what a webhook sink posts: demo-receiver.py FOLDER.

Listens on a free port of the loopback interface, writes the port to FOLDER/port, and appends the body
of each request to FOLDER/received.ndjson before it answers 200.
"""
import http.server
import os
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(os.path.join(sys.argv[1], "received.ndjson"), "ab") as file:
            file.write(body + b"\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    unfinished = os.path.join(sys.argv[1], "port.new")
    with open(unfinished, "w", encoding="ascii") as file:
        file.write(str(server.server_port))
    os.rename(unfinished, os.path.join(sys.argv[1], "port"))
    server.serve_forever()


main()
