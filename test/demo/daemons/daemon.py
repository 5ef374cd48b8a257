"""What the small daemons of the demo instance have in common.

JSON-RPC 2.0 over HTTP on `ROOT/var/sockets/NAME/rpc.sock`, with GET /health, /openrpc.json and
/.well-known/heroservice.json; `--info` prints the service's own description. One request is done
at a time; an answer is an acknowledgement. A context that is not known is served from `root`, as
the real services do.
"""
import json
import os
import signal
import socketserver
import sys
import threading
from http.server import BaseHTTPRequestHandler

LOCK = threading.Lock()


class Fault(Exception):
    """What a caller did wrong; told to it, and the daemon goes on."""


def root():
    """The instance: the folder above the one in which this program lies, or another one's."""
    return os.environ.get("HERO_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(sys.argv[0])))


def data(name):
    path = os.path.join(root(), "var", name)
    os.makedirs(path, exist_ok=True)
    return path


def one_name(text):
    """A part of a path: a name and no way out of its folder."""
    if not text or text in (".", "..") or "/" in text or "\0" in text:
        raise Fault("not a name: %r" % text)
    return text


def known(context, contexts):
    return context if context in contexts else "root"


def answer(methods, contexts, context, request):
    reply = {"jsonrpc": "2.0", "id": request.get("id")}
    method = methods.get(request.get("method"))
    if method is None:
        reply["error"] = {"code": -32601, "message": "no method %r" % request.get("method")}
        return reply
    try:
        with LOCK:
            reply["result"] = method(known(context, contexts()), **request.get("params", {}))
    except (Fault, TypeError) as error:
        reply["error"] = {"code": -32602, "message": str(error)}
    except Exception as error:  # Whatever an engine says is the caller's to know.
        reply["error"] = {"code": -32000, "message": str(error)}
    return reply


def pages(name, methods):
    def openrpc():
        listed = [{"name": m, "summary": (f.__doc__ or "").strip()} for m, f in methods.items()]
        return {"openrpc": "1.2.6", "info": {"title": name, "version": "1"}, "methods": listed}

    return {
        "/health": lambda: {"status": "ok", "service": name},
        "/openrpc.json": openrpc,
        "/.well-known/heroservice.json": lambda: {
            "name": name,
            "version": "1",
            "protocol": "openrpc",
            "socket": "rpc.sock",
        },
    }


def request_class(name, methods, contexts):
    found = pages(name, methods)

    class Request(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            """A Unix socket has no peer address to log."""

        def send(self, status, value):
            body = json.dumps(value).encode()
            head = "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            self.wfile.write((head % (status, "-", len(body))).encode() + body)

        def do_GET(self):
            page = found.get(self.path)
            self.send(200 if page else 404, page() if page else {"error": "not found"})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            context = self.headers.get("X-Hero-Context", "root")
            self.send(200, answer(methods, contexts, context, json.loads(body)))

    return Request


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    request_queue_size = 64


def in_sockets(name):
    """Sockets are bound by a short name from their folder: a path may be too long for them."""
    folder = os.path.join(root(), "var", "sockets", name)
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)


def unbound(path):
    if os.path.lexists(path):
        os.unlink(path)
    return path


def serve(name, info, methods, contexts, close=lambda: None):
    """Answers until SIGTERM or SIGINT; what was begun is finished first. The end is status 0."""
    if "--info" in sys.argv:
        sys.stdout.write('[service]\nname = "%s"\ndescription = "%s"\n' % (name, info))
        return
    in_sockets(name)
    server = Server(unbound("rpc.sock"), request_class(name, methods, contexts))

    def end(*_):
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    server.serve_forever(poll_interval=0.05)
    with LOCK:
        close()
        os.unlink("rpc.sock")
        # Threads that wait for another request of a connection are not waited for.
        os._exit(0)
