"""An HTTP/1.1 proxy in front of an API server, which does what networks and servers do on a bad day.

    proxy = FaultyProxy(("127.0.0.1", 8001)).start()
    proxy.on("GET", r"/pods\\?limit", Answer(410, "Expired"), times=1)

Each request meets the first rule that matches it and has times left; without one it is passed on. What was asked
is kept in `requests`. Runs in a thread of its own; its methods may be called from any.
"""
import asyncio
import dataclasses
import json
import re
import threading
import time


def status_json(code, reason, message="made up by the proxy"):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": code, "reason": reason,
            "message": message}


@dataclasses.dataclass
class Answer:
    """Answers instead of the server."""
    code: int
    reason: str = ""
    headers: dict = dataclasses.field(default_factory=dict)
    body: object = None  # A dict for JSON, a str for anything else; None for a Status.


@dataclasses.dataclass
class ErrorEvent:
    """A watch that begins well and brings an ERROR event."""
    code: int
    reason: str = "Expired"


@dataclasses.dataclass
class Cut:
    """Resets the connection: before the server hears of the request, or after so many bytes of its answer's body."""
    after: int | None = None


@dataclasses.dataclass
class LoseAnswer:
    """The server does it, but the connection is reset before anything of the answer comes."""


@dataclasses.dataclass
class Delay:
    seconds: float


@dataclasses.dataclass
class Silence:
    """The connection stays open and nothing comes: at all, or after so many bytes of the answer's body."""
    after: int | None = None


@dataclasses.dataclass
class Trickle:
    """One byte of the answer's body at a time."""
    seconds_per_byte: float


@dataclasses.dataclass
class Request:
    at: float
    connection: int
    method: str
    target: str
    headers: dict
    body: bytes


@dataclasses.dataclass
class Rule:
    method: str
    target: str
    fault: object
    times: int | None


class Reset(Exception):
    """The client's connection is to be reset."""


class FaultyProxy:
    def __init__(self, upstream=None, upstream_tls=None, tls=None, host="127.0.0.1"):
        """`tls`: the ssl.SSLContext that clients meet; `upstream_tls`: the one for the server behind."""
        self.upstream, self.upstream_tls, self.tls, self.host = upstream, upstream_tls, tls, host
        self.requests = []
        self.port = 0
        self._rules = []
        self._lock = threading.Lock()
        self._is_silent = False
        self._closes_idle = False
        self._writers = set()
        self._connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server = None

    # What tests call.

    def start(self):
        self._thread.start()
        self._run(self._listen())
        return self

    def stop(self):
        self._run(self._end())
        self._run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def on(self, method, target, fault, times=1):
        """`method` and `target` are regular expressions; `times` None is for ever."""
        with self._lock:
            self._rules.append(Rule(method, target, fault, times))

    def clear(self):
        with self._lock:
            self._rules.clear()

    def count(self, method, target, connection=None):
        return len(self.find(method, target, connection))

    def find(self, method, target, connection=None):
        return [r for r in list(self.requests) if re.fullmatch(method, r.method) and re.search(target, r.target)
                and connection in (None, r.connection)]

    def set_silent(self, is_silent):
        """A network that drops everything, without a word to either side."""
        self._is_silent = is_silent

    def close_idle_connections(self, does=True):
        """Closes each connection after an answer that promised to keep it."""
        self._closes_idle = does

    def refuse(self):
        """No one listens any more, and all connections are reset."""
        self._run(self._end())

    def accept_again(self):
        self._run(self._listen(self.port))

    def cut_all(self):
        self._loop.call_soon_threadsafe(self._abort_all)

    # The rest runs on the loop.

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _listen(self, port=0):
        self._server = await asyncio.start_server(self._serve, self.host, port, ssl=self.tls, reuse_address=True)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self):
        if self._server:
            self._server.close()
            self._server = None
        self._abort_all()
        await asyncio.sleep(0)

    async def _cancel_all(self):
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abort_all(self):
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader, writer):
        self._connections += 1
        connection = self._connections
        self._writers.add(writer)
        try:
            while True:
                request = await self._read_request(reader, connection)
                if request is None:
                    break
                self.requests.append(request)
                if not await self._answer(request, reader, writer):
                    break
                if self._closes_idle:
                    break
        except Reset:
            writer.transport.abort()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read_request(self, reader, connection):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {k.strip().lower(): v.strip() for k, v in (line.split(":", 1) for line in lines if ":" in line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Request(time.monotonic(), connection, method, target, headers, body)

    def _fault_for(self, request):
        with self._lock:
            for rule in self._rules:
                if rule.times == 0 or not re.fullmatch(rule.method, request.method):
                    continue
                if re.search(rule.target, request.target):
                    if rule.times is not None:
                        rule.times -= 1
                    return rule.fault
        return None

    async def _answer(self, request, reader, writer):
        """Whether the connection is kept."""
        fault = self._fault_for(request)
        await self._wait_while_silent()
        if isinstance(fault, Answer):
            body = fault.body if fault.body is not None else status_json(fault.code, fault.reason)
            await self._reply(writer, fault.code, body, fault.headers)
            return True
        if isinstance(fault, ErrorEvent):
            event = {"type": "ERROR", "object": status_json(fault.code, fault.reason)}
            await self._reply(writer, 200, json.dumps(event) + "\n", {})
            return True
        if fault == Cut(None):
            raise Reset
        if fault == Silence(None):
            await reader.read()
            return False
        if isinstance(fault, Delay):
            await asyncio.sleep(fault.seconds)
        return await self._forward(request, fault, reader, writer)

    async def _reply(self, writer, code, body, headers):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        lines = {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}
        head = f"HTTP/1.1 {code} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items()) + "\r\n"
        writer.write(head.encode() + data)
        await writer.drain()

    async def _forward(self, request, fault, reader, writer):
        up_reader, up_writer = await asyncio.open_connection(*self.upstream, ssl=self.upstream_tls)
        self._writers.add(up_writer)
        # A client that goes away while its watch is silent ends that too.
        gone = asyncio.ensure_future(self._end_when_gone(reader, writer, up_writer))
        try:
            headers = {**request.headers, "connection": "close", "host": f"{self.upstream[0]}:{self.upstream[1]}"}
            lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            up_writer.write(f"{request.method} {request.target} HTTP/1.1\r\n{lines}\r\n".encode() + request.body)
            head = (await up_reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            await self._wait_while_silent()
            if isinstance(fault, LoseAnswer):
                raise Reset
            head = re.sub(r"(?i)\r\nconnection:[^\r]*", "", head)
            length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
            writer.write(head.encode())
            await self._relay(up_reader, writer, int(length[1]) if length else None, fault, reader)
            return True
        finally:
            gone.cancel()
            self._writers.discard(up_writer)
            up_writer.close()

    async def _end_when_gone(self, reader, writer, up_writer):
        while not writer.transport.is_closing() and not reader.at_eof():
            await asyncio.sleep(0.05)
        up_writer.transport.abort()

    async def _relay(self, up_reader, writer, length, fault, reader):
        limit = fault.after if isinstance(fault, (Cut, Silence)) else None
        passed = 0
        tail = b""
        while length is None or passed < length:
            size = 65536 if limit is None else min(65536, limit - passed)
            data = await up_reader.read(size) if size else b""
            await self._wait_while_silent()
            if isinstance(fault, Trickle):
                for byte in data:
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(fault.seconds_per_byte)
            else:
                writer.write(data)
                await writer.drain()
            passed += len(data)
            tail = (tail + data)[-5:]
            if limit is not None and passed >= limit:
                # What was written is on its way; an abort at once would drop it.
                await asyncio.sleep(0.05)
                if isinstance(fault, Cut):
                    raise Reset
                await reader.read()
                raise Reset
            if not data:
                if tail != b"0\r\n\r\n":  # The server was cut off, so the client is.
                    raise Reset
                return

    async def _wait_while_silent(self):
        while self._is_silent:
            await asyncio.sleep(0.02)
