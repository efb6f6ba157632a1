"""Kafka's wire format written by hand, for requests that no client would send: whole and broken ones, and a raw
connection to send them over."""
import socket
import struct
import time

PRODUCE, FETCH, METADATA, OFFSET_COMMIT, FIND_COORDINATOR, JOIN_GROUP, HEARTBEAT = 0, 1, 3, 8, 10, 11, 12
API_VERSIONS, CREATE_TOPICS = 18, 19
FRAME_MAX = 104857600
INT32_MAX, INT64_MAX = 2**31 - 1, 2**63 - 1
NONE, OUT_OF_RANGE, CORRUPT, UNKNOWN_TOPIC, TOO_LARGE, METADATA_TOO_LARGE = 0, 1, 2, 3, 10, 12
REQUIRED_ACKS, INCONSISTENT_PROTOCOL, INVALID_GROUP, UNKNOWN_MEMBER, SESSION_TIMEOUT = 21, 23, 24, 25, 26
INVALID_TOPIC, INVALID_PARTITIONS, INVALID_REPLICATION, POLICY_VIOLATION = 17, 37, 38, 44
TIMESTAMP, UNSUPPORTED_VERSION, INVALID_REQUEST, UNSUPPORTED_CODEC, INVALID_RECORD = 32, 35, 42, 76, 87
MB = 1 << 20


def int16(v):
    return struct.pack(">h", v)


def int32(v):
    return struct.pack(">i", v)


def int64(v):
    return struct.pack(">q", v)


def string(text):
    return int16(-1) if text is None else int16(len(text)) + text.encode()


def data(value):
    return int32(-1) if value is None else int32(len(value)) + value


def uvarint(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    return bytes(out) + bytes([v])


def varint(v):
    return uvarint((v << 1) ^ (v >> 63))


def array(items):
    return int32(len(items)) + b"".join(items)


def frame(content):
    return int32(len(content)) + content


def header(key, version, correlation=7, client="bad", tags=None):
    text = int16(key) + int16(version) + int32(correlation) + string(client)
    return text if tags is None else text + tags


def request(key, version, body, **options):
    return frame(header(key, version, **options) + body)


CRC_TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    CRC_TABLE.append(n)


def crc32c(content):
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def record(delta=0, key=b"k", value=b"v", time_delta=0, headers=b"\0", key_size=None, extra=b""):
    key_size = len(key) if key_size is None else key_size
    body = b"\0" + varint(time_delta) + varint(delta) + varint(key_size) + key + varint(len(value)) + value
    body += headers + extra
    return varint(len(body)) + body


def batch(records=None, count=1, last_delta=None, attributes=0, base_offset=0, magic=2, length=None, crc=None,
          timestamp=None, max_timestamp=None):
    records = record() if records is None else records
    timestamp = int(time.time() * 1000) if timestamp is None else timestamp
    max_timestamp = timestamp if max_timestamp is None else max_timestamp
    checked = int16(attributes) + int32(count - 1 if last_delta is None else last_delta) + int64(timestamp)
    checked += int64(max_timestamp) + int64(-1) + int16(-1) + int32(-1) + int32(count) + records
    crc = crc32c(checked) if crc is None else crc
    tail = int32(-1) + struct.pack(">bI", magic, crc) + checked
    return int64(base_offset) + int32(len(tail) if length is None else length) + tail


def produce(records, topic="bad", version=7, acks=-1):
    partitions = array([int32(0) + data(records)])
    return request(PRODUCE, version, string(None) + int16(acks) + int32(5000) + array([string(topic) + partitions]))


def fetch(offset, wait=0, bytes_min=0, bytes_max=MB, partition_bytes=MB):
    partitions = array([int32(0) + int64(offset) + int32(partition_bytes)])
    head = int32(-1) + int32(wait) + int32(bytes_min) + int32(bytes_max) + b"\0"
    return request(FETCH, 4, head + array([string("bad") + partitions]))


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, content):
        try:
            self.socket.sendall(content)
        except (ConnectionResetError, BrokenPipeError):
            pass  # Closed while we were still sending.

    def take(self, size):
        content = b""
        while len(content) < size:
            part = self.socket.recv(size - len(content))
            if not part:
                raise EOFError(f"closed after {len(content)} of {size} bytes")
            content += part
        return content

    def answer(self):
        return self.take(struct.unpack(">i", self.take(4))[0])

    def ask(self, content):
        self.send(content)
        return self.answer()

    def ends(self):
        """What came before the end of the connection."""
        content = b""
        try:
            while part := self.socket.recv(65536):
                content += part
        except ConnectionResetError:
            pass
        return content
