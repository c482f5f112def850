"""
Listeners that refuse a login as Redis, RabbitMQ, Kafka and a config server do.

They speak as much of each protocol as a client needs to hear the refusal. Its words are the server's: Redis' from
`src/acl.c` (WRONGPASS), RabbitMQ's from `rabbit_reader.erl` (ACCESS_REFUSED), Kafka's from
`PlainServerCallbackHandler` and `PlainSaslServer` (invalid credentials), Spring Security's empty 401. What becomes of
them in the log is up to the client, and that is real.
"""

import contextlib
import http.server
import socketserver
import struct
import threading
from collections.abc import Iterator

from tests.real.spring import processes

_REDIS_REFUSAL = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
_RABBIT_REFUSAL = (
    b"ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."
)
_KAFKA_REFUSAL = b"Authentication failed: Invalid username or password"
_KAFKA_API_VERSIONS, _KAFKA_SASL_HANDSHAKE, _KAFKA_SASL_AUTHENTICATE = 18, 17, 36
_KAFKA_VERSIONS = {
    3: (0, 8),
    _KAFKA_API_VERSIONS: (0, 0),
    _KAFKA_SASL_HANDSHAKE: (0, 1),
    _KAFKA_SASL_AUTHENTICATE: (0, 0),
}
_UNSUPPORTED_VERSION, _SASL_AUTHENTICATION_FAILED = 35, 58


class _Redis(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Refuse each command; RESP sends one as an array of a length and that many strings of two lines."""
        while header := self.rfile.readline():
            for _ in range(2 * int(header[1:])):
                self.rfile.readline()
            self.wfile.write(_REDIS_REFUSAL)


class _Rabbit(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Greet, read the login and close the connection with 403 (AMQP 0-9-1, section 4.2.2)."""
        self.rfile.read(len(b"AMQP\x00\x00\x09\x01"))
        mechanisms, locales = b"PLAIN", b"en_US"
        start = struct.pack(">HHBBI", 10, 10, 0, 9, 0)
        self._send(start + struct.pack(">I", len(mechanisms)) + mechanisms + struct.pack(">I", len(locales)) + locales)
        self._receive()
        text = struct.pack(">HHHB", 10, 50, 403, len(_RABBIT_REFUSAL)) + _RABBIT_REFUSAL
        self._send(text + struct.pack(">HH", 0, 0))
        self._receive()

    def _send(self, method: bytes) -> None:
        self.wfile.write(struct.pack(">BHI", 1, 0, len(method)) + method + b"\xce")

    def _receive(self) -> None:
        header = self.rfile.read(7)
        if len(header) == 7:
            self.rfile.read(struct.unpack(">BHI", header)[2] + 1)


class _Kafka(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        """Agree on old versions and SASL/PLAIN, then refuse the login."""
        while len(size := self.rfile.read(4)) == 4:
            request = self.rfile.read(struct.unpack(">i", size)[0])
            api, version, correlation = struct.unpack(">hhi", request[:8])
            response = struct.pack(">i", correlation) + self._respond(api, version)
            self.wfile.write(struct.pack(">i", len(response)) + response)

    def _respond(self, api: int, version: int) -> bytes:
        if api == _KAFKA_API_VERSIONS:
            error = _UNSUPPORTED_VERSION if version else 0
            known = b"".join(struct.pack(">hhh", key, *versions) for key, versions in _KAFKA_VERSIONS.items())
            return struct.pack(">hi", error, len(_KAFKA_VERSIONS)) + known
        if api == _KAFKA_SASL_HANDSHAKE:
            return struct.pack(">hih", 0, 1, len(b"PLAIN")) + b"PLAIN"
        refusal = struct.pack(">hh", _SASL_AUTHENTICATION_FAILED, len(_KAFKA_REFUSAL)) + _KAFKA_REFUSAL
        return refusal + struct.pack(">i", 0)


class _ConfigServer(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Refuse, as Spring Security does without a login."""
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="Realm"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


class _Silent(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        """Accept and never answer."""
        while self.request.recv(1024):
            pass


_HANDLERS: dict[str, type[socketserver.BaseRequestHandler]] = {
    "redis": _Redis,
    "rabbit": _Rabbit,
    "kafka": _Kafka,
    "config": _ConfigServer,
    "database_silent": _Silent,
}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextlib.contextmanager
def running() -> Iterator[dict[str, int]]:
    """Run all stand-ins; yield their ports."""
    with contextlib.ExitStack() as stack:
        ports = {}
        for name, handler in _HANDLERS.items():
            server = stack.enter_context(_Server((processes.HOST, processes.free_port()), handler))
            threading.Thread(target=server.serve_forever, name=name, daemon=True).start()
            stack.callback(server.shutdown)
            ports[name] = server.server_address[1]
        yield ports
