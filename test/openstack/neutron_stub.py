"""Stand-in: this is not neutron. It is a network service without networks, and the one part of the stack that is not OpenStack's own code.

nova asks neutron for the ports of every server it shows or deletes, even of those that were booted without a network, and answers 500 if nobody
listens. So every collection is there, and empty.
"""

import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        parts = self.path.split("?")[0].removesuffix(".json").strip("/").split("/")
        if len(parts) == 2:  # /v2.0/ports, /v2.0/security-groups
            self.answer(200, {parts[1].replace("-", "_"): []})
        elif parts[1:2] == ["quotas"]:  # asked when a server is booted
            self.answer(200, {"quota": {"port": -1}})
        else:
            self.answer(404, {"NeutronError": {"type": "NotFound", "message": "stand-in", "detail": ""}})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
