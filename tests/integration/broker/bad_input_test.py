#!/usr/bin/env python3
"""Hostile and broken requests, byte by byte: the sender pays, the broker lives on.

Each row is one kind of input. After each the broker must still run, answer a valid request and have grown by no more
than what the row may cost.
"""
import gzip
import shutil
import socket
import struct
import sys
import tempfile
import time
import unittest
import zlib

sys.path.insert(0, __file__.rsplit("/tests/", 1)[0] + "/tests/support")
import penstock  # noqa: E402
from kafka_wire import *  # noqa: E402,F403


class BadInput(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="penstock-test-")
        cls.addClassCleanup(shutil.rmtree, cls.directory, ignore_errors=True)
        cls.broker = penstock.Broker(cls.directory)
        cls.broker.start()
        cls.addClassCleanup(cls.broker.stop)
        topic = string("bad") + int32(1) + int16(1) + array([]) + array([])
        with cls.connect() as client:
            answer = client.ask(request(CREATE_TOPICS, 2, array([topic]) + int32(5000) + b"\0"))
            assert answer.endswith(string("bad") + int16(NONE) + string(None)), answer
        penstock.wait_until(lambda: cls.produced(batch()) == NONE, 10, "the topic takes records")

        def offsets_topic():
            with cls.connect() as client:
                return struct.unpack(">h", client.ask(request(FIND_COORDINATOR, 1, string("g") + b"\0"))[8:10])[0] == 0
        penstock.wait_until(offsets_topic, 20, "the offsets topic is there")
        penstock.wait_until(lambda: cls.heartbeat("nobody") == UNKNOWN_MEMBER, 10, "the coordinator has loaded")

    @classmethod
    def connect(cls):
        return Connection(cls.broker.port)

    @classmethod
    def produced(cls, records, **options):
        with cls.connect() as client:
            answer = client.ask(produce(records, **options))
        # Correlation id, one topic with its name, one partition with its index; then the error.
        at = 4 + 4 + 2 + struct.unpack(">h", answer[8:10])[0] + 4 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    @classmethod
    def heartbeat(cls, group, generation=1, member="m"):
        with cls.connect() as client:
            answer = client.ask(request(HEARTBEAT, 1, string(group) + int32(generation) + string(member)))
        return struct.unpack(">h", answer[8:10])[0]

    @classmethod
    def rss(cls):
        with open(f"/proc/{cls.broker.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))

    def setUp(self):
        self.rss_before = self.rss()
        self.growth_max = 32 * MB

    def tearDown(self):
        self.assertIsNone(self.broker.process.poll(), self.broker.log_tail())
        with self.connect() as client:
            self.assertIn(b"bad", client.ask(request(METADATA, 1, array([string("bad")]))), "a valid request")
        self.assertLess(self.rss() - self.rss_before, self.growth_max * penstock.MEMORY_SCALE, "what this row may cost")

    def assert_closed(self, content, what):
        with self.subTest(what), self.connect() as client:
            client.send(content)
            self.assertEqual(client.ends(), b"", "closed without an answer")

    def assert_refused(self, error, records, what, **options):
        with self.subTest(what):
            self.assertEqual(self.produced(records, **options), error)

    def test_b01_lengths_that_no_frame_has(self):
        for length in (-1, -2**31):
            self.assert_closed(int32(length), f"length {length}")
        for length in (0, 1, 3, 7):
            self.assert_closed(frame(b"\0" * length), f"length {length}")

    def test_b02_lengths_over_the_limit(self):
        for length in (INT32_MAX, FRAME_MAX + 1):
            self.assert_closed(int32(length), f"length {length}")

    def test_b03_an_announced_length_allocates_nothing(self):
        clients = [self.connect() for _ in range(30)]
        for client in clients:
            client.send(int32(FRAME_MAX) + header(METADATA, 1))
        self.growth_max = 16 * MB  # 30 receive buffers, not 30 frames of 100 MiB.
        self.tearDown()
        for client in clients:
            client.socket.close()

    def test_b04_other_protocols(self):
        self.assert_closed(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP")
        self.assert_closed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32, "TLS")

    def test_b05_unknown_api_keys(self):
        for key in (-1, 999, 32767, -32768):
            self.assert_closed(request(key, 0, b""), f"key {key}")

    def test_b06_versions_out_of_range(self):
        for version in (-1, 99, 32767):
            self.assert_closed(request(METADATA, version, array([])), f"Metadata {version}")
            self.assert_closed(request(PRODUCE, version, b""), f"Produce {version}")
        with self.connect() as client:
            answer = client.ask(request(API_VERSIONS, 99, b"\xff\xff"))
            self.assertEqual(struct.unpack(">ihi", answer[:10]), (7, UNSUPPORTED_VERSION, 1))
            self.assertEqual(struct.unpack(">h", answer[10:12])[0], API_VERSIONS)

    def test_b07_apis_of_other_listeners(self):
        for key in (4, 7, 52, 53, 54, 56, 62, 63):
            self.assert_closed(request(key, 0, b"\0" * 64), f"key {key}")

    def test_b08_broken_headers(self):
        start = int16(METADATA) + int16(1) + int32(7)
        self.assert_closed(frame(start), "no client id")
        self.assert_closed(frame(start + int16(100) + b"abc"), "a client id that is cut off")
        self.assert_closed(frame(start + int16(-2)), "a client id of -2 bytes")
        with self.connect() as client:
            self.assertIn(b"bad", client.ask(request(METADATA, 1, array([string("bad")]), client=None)))

    def test_b09_floods_of_tagged_fields(self):
        body = b"\x01\0\0\0\0"
        for count in (20_000_000, 65):
            tags = uvarint(count) + b"".join(uvarint(tag) + b"\0" for tag in range(min(count, 200_000)))
            self.assert_closed(request(METADATA, 9, body, tags=tags), f"{count} tags")

    def test_b10_malformed_tagged_fields(self):
        def tagged(*fields):
            return uvarint(len(fields)) + b"".join(uvarint(tag) + uvarint(size) + b"x" * real
                                                   for tag, size, real in fields)
        body = b"\x01\0\0\0\0"
        self.assert_closed(request(METADATA, 9, body, tags=tagged((0, 5000, 1))), "a size over what is left")
        self.assert_closed(request(METADATA, 9, body, tags=tagged((5, 1, 1), (4, 1, 1))), "out of order")
        self.assert_closed(request(METADATA, 9, body, tags=tagged((5, 1, 1), (5, 1, 1))), "twice")
        self.assert_closed(request(METADATA, 9, body, tags=b"\xff\xff\xff\xff\xff\x01"), "an endless count")
        with self.connect() as client:
            client.ask(request(METADATA, 9, body, tags=tagged((5, 1, 1), (6, 2, 2))))

    def test_b11_counts_beyond_the_bytes(self):
        for count in (INT32_MAX, 1 << 20):
            self.assert_closed(request(METADATA, 1, int32(count)), f"Metadata {count}")
            body = int32(-1) + int32(0) + int32(0) + int32(0) + b"\0" + int32(count)
            self.assert_closed(request(FETCH, 4, body), f"Fetch {count}")
            self.assert_closed(request(PRODUCE, 7, string(None) + int16(1) + int32(0) + int32(count)), f"Produce {count}")
        self.assert_closed(request(METADATA, 9, uvarint(2**32 - 1), tags=b"\0"), "compact")

    def test_b12_small_elements_that_are_large_in_memory(self):
        count = 200_000
        self.assert_closed(request(METADATA, 9, uvarint(count + 1) + b"\x01\0" * count + b"\0\0\0\0", tags=b"\0"),
                           "two bytes each")

    def test_b13_negative_counts_and_lengths(self):
        self.assert_closed(request(METADATA, 1, int32(-2)), "count -2")
        self.assert_closed(request(METADATA, 1, int32(1) + int16(-1)), "a topic name that is null")
        self.assert_closed(request(METADATA, 1, int32(1) + int16(-7)), "a topic name of -7 bytes")
        self.assert_closed(request(METADATA, 9, uvarint(2) + b"\0\0" + b"\0\0\0\0", tags=b"\0"), "compact null")
        self.assert_closed(request(PRODUCE, 7, string(None) + int16(1) + int32(0) + int32(-1)), "topics that are null")

    def test_b14_long_varints_and_strings(self):
        self.assert_closed(request(METADATA, 9, b"\x81\x80\x80\x80\x80\x01", tags=b"\0"), "six bytes")
        name = b"x" * 40_000
        self.assert_closed(request(METADATA, 9, uvarint(2) + uvarint(len(name) + 1) + name + b"\0\0\0\0\0", tags=b"\0"),
                           "a name over 32767 bytes")

    def created(self, name, partitions=1, replicas=1):
        topic = string(name) + int32(partitions) + int16(replicas) + array([]) + array([])
        with self.connect() as client:
            answer = client.ask(request(CREATE_TOPICS, 2, array([topic]) + int32(5000) + b"\0"))
        at = 4 + 4 + 4 + 2 + len(name)
        return struct.unpack(">h", answer[at:at + 2])[0]

    def test_b17_topic_names(self):
        for name in ("", ".", "..", "../../etc", "a/b", "a b", "x" * 250, "nul\0", "\x1b[31m"):
            with self.subTest(name=name):
                self.assertEqual(self.created(name), INVALID_TOPIC)

    def test_b18_b19_partitions_and_replicas(self):
        for replicas in (0, -2, 5, 32767):
            with self.subTest(replicas=replicas):
                self.assertEqual(self.created("many", replicas=replicas), INVALID_REPLICATION)
        for partitions in (0, -2, -2**31):
            with self.subTest(partitions=partitions):
                self.assertEqual(self.created("many", partitions=partitions), INVALID_PARTITIONS)
        for partitions in (10**9, INT32_MAX, 100_000):
            with self.subTest(partitions=partitions):
                self.assertEqual(self.created("many", partitions=partitions), POLICY_VIOLATION)

    def test_b24_required_acks(self):
        self.assert_refused(REQUIRED_ACKS, batch(), "acks 2", acks=2)
        self.assert_refused(REQUIRED_ACKS, batch(), "acks -2", acks=-2)
        self.assert_closed(produce(batch(), topic="nowhere", acks=0), "acks 0 with an error")

    def test_b25_wrong_checksum(self):
        self.assert_refused(CORRUPT, batch(crc=1), "crc")

    def test_b26_magic_and_batch_length(self):
        for magic in (0, 1, 3, -1):
            self.assert_refused(INVALID_RECORD, batch(magic=magic), f"magic {magic}")
        for length in (-1, 0, 10, 48, 5000, INT32_MAX, -2**31):
            self.assert_refused(INVALID_RECORD, batch(length=length), f"batch length {length}")
        self.assert_refused(INVALID_RECORD, batch()[:40], "half a header")

    def test_b27_batch_counts_and_offsets(self):
        self.assert_refused(INVALID_RECORD, b"", "no batch")
        self.assert_refused(INVALID_RECORD, None, "null")
        self.assert_refused(INVALID_RECORD, batch() + batch(), "two batches")
        self.assert_refused(INVALID_RECORD, batch() + b"\0", "a byte behind the batch")
        self.assert_refused(INVALID_RECORD, batch(last_delta=4), "count and last offset disagree")
        for count in (-1, 0, 2, INT32_MAX):
            self.assert_refused(INVALID_RECORD, batch(count=count), f"count {count}")
        two = record(0) + record(2)
        self.assert_refused(INVALID_RECORD, batch(two, count=2), "deltas with a gap")
        self.assert_refused(INVALID_RECORD, batch(record(-1)), "a negative delta")
        for offset in (INT64_MAX, -1, 1):
            self.assert_refused(INVALID_RECORD, batch(base_offset=offset), f"base offset {offset}")

    def test_b28_malformed_records(self):
        cases = {
            "a key beyond the record": record(key_size=5000),
            "a key beyond any": record(key_size=INT32_MAX),
            "too many headers": record(headers=varint(1000)),
            "negative headers": record(headers=varint(-1)),
            "a header key that is null": record(headers=varint(1) + varint(-1) + varint(0)),
            "a header value beyond the record": record(headers=varint(1) + varint(1) + b"h" + varint(900)),
            "bytes left inside": record(extra=b"zz"),
            "bytes left behind": record() + b"zz",
            "an empty record": b"\0",
            "a record beyond the batch": varint(4000) + b"x",
            "an endless varint": b"\xff" * 12,
        }
        for what, records in cases.items():
            self.assert_refused(INVALID_RECORD, batch(records), what)

    def test_b29_what_clients_may_not_say(self):
        self.assert_refused(INVALID_RECORD, batch(attributes=0x20), "a control batch")
        self.assert_refused(TIMESTAMP, batch(attributes=0x08), "LogAppendTime")
        for timestamp in (int(time.time() * 1000) + 7_200_000, -2, -2**63, INT64_MAX):
            self.assert_refused(TIMESTAMP, batch(timestamp=timestamp), f"timestamp {timestamp}")
        self.assert_refused(NONE, batch(max_timestamp=INT64_MAX), "a false maximum is put right")

    def test_b30_codecs(self):
        for codec in (5, 6, 7):
            self.assert_refused(INVALID_RECORD, batch(attributes=codec), f"codec {codec}")
        self.assert_refused(UNSUPPORTED_CODEC, batch(attributes=4), "zstd in an old request", version=3)

    def test_b31_decompression_bombs(self):
        self.growth_max = 300 * MB
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        zeros = bytes(4 * MB)
        bomb = b"".join(packer.compress(zeros) for _ in range(60)) + packer.flush()
        self.assert_refused(TOO_LARGE, batch(bomb, attributes=1), "240 MiB of gzip")
        window = b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x01\0\0"
        self.assert_refused(TOO_LARGE, batch(window, attributes=4), "a zstd window of 2 GiB")

    def test_b32_broken_compressed_data(self):
        good = gzip.compress(record())
        snappy = b"\x82SNAPPY\0" + int32(1) + int32(1)
        lz4 = b"\x04\x22\x4d\x18\x60\x40\xff" + struct.pack("<I", 0x80000001) + b"x" + struct.pack("<I", 0)
        cases = {
            "truncated gzip": (1, good[:-6]),
            "gzip that is none": (1, b"not gzip at all"),
            "a huge snappy block": (2, snappy + int32(INT32_MAX)),
            "a negative snappy block": (2, snappy + int32(-1)),
            "a snappy block that claims too much": (2, snappy + int32(5) + b"\xff\xff\xff\xff\x0f"),
            "15 bytes of snappy": (2, b"\x0f" * 15),
            "a wrong lz4 checksum": (3, lz4),
            "truncated zstd": (4, b"\x28\xb5\x2f\xfd\x00\x58"),
            "nothing, as gzip": (1, b""),
            "nothing, as zstd": (4, b""),
            "nothing, as lz4": (3, b""),
        }
        for what, (codec, content) in cases.items():
            self.assert_refused(CORRUPT, batch(content, attributes=codec), what)
        self.assert_refused(NONE, batch(good, attributes=1), "and the whole of it")

    def test_b33_batches_over_max_message_bytes(self):
        self.assert_refused(TOO_LARGE, batch(record(value=bytes(1100 * 1024)), crc=0), "1.1 MiB")

    def fetched(self, *arguments, **options):
        with self.connect() as client:
            answer = client.ask(fetch(*arguments, **options))
        at = 4 + 4 + 4 + 2 + len("bad") + 4 + 4
        return struct.unpack(">h", answer[at:at + 2])[0]

    def test_b38_fetch_out_of_range(self):
        for offset in (1 << 40, INT64_MAX, -1, -2**63):
            with self.subTest(offset=offset):
                self.assertEqual(self.fetched(offset), OUT_OF_RANGE)
        for size in (0, -1, -2**31, INT32_MAX):
            with self.subTest(size=size):
                self.assertEqual(self.fetched(0, bytes_max=size, partition_bytes=size), NONE)
        with self.subTest("waits only while there is nothing"):
            self.assertEqual(self.fetched(0, wait=INT32_MAX, bytes_min=1), NONE)
        with self.connect() as client:  # It goes while it waits.
            client.send(fetch(0, wait=INT32_MAX, bytes_min=INT32_MAX, bytes_max=INT32_MAX))

    def join(self, group="g", session=10000, protocols=(b"",)):
        entries = [string(f"p{i}") + data(content) for i, content in enumerate(protocols)]
        body = string(group) + int32(session) + int32(10000) + string("") + string("consumer") + array(entries)
        with self.connect() as client:
            answer = client.ask(request(JOIN_GROUP, 2, body))
        return struct.unpack(">h", answer[8:10])[0]

    def test_b43_groups(self):
        self.assertEqual(self.join(group=""), INVALID_GROUP)
        for session in (1, -1, INT32_MAX):
            self.assertEqual(self.join(session=session), SESSION_TIMEOUT)
        self.assertEqual(self.join(protocols=()), INCONSISTENT_PROTOCOL)
        self.assertEqual(self.heartbeat("g", generation=-5), UNKNOWN_MEMBER)
        self.assertEqual(self.heartbeat("", generation=1), INVALID_GROUP)
        body = string("g") + int32(10000) + int32(10000) + string("") + string("consumer") + int32(1) + string("p")
        self.assert_closed(request(JOIN_GROUP, 2, body + int32(INT32_MAX)), "a subscription beyond the frame")

    def commit(self, topic="bad", offset=5, metadata=""):
        partitions = array([int32(0) + int64(offset) + string(metadata)])
        body = string("simple") + int32(-1) + string("") + int64(-1) + array([string(topic) + partitions])
        with self.connect() as client:
            answer = client.ask(request(OFFSET_COMMIT, 2, body))
        return struct.unpack(">h", answer[-2:])[0]

    def test_b44_offset_commits(self):
        self.assertEqual(self.commit(), NONE)
        self.assertEqual(self.commit(metadata="m" * 4097), METADATA_TOO_LARGE)
        self.assertEqual(self.commit(offset=-1), INVALID_REQUEST)
        self.assertEqual(self.commit(offset=-2**63), INVALID_REQUEST)
        self.assertEqual(self.commit(topic="nowhere"), UNKNOWN_TOPIC)

    def test_b50_a_client_that_never_reads(self):
        self.growth_max = 64 * MB
        ask = request(METADATA, 1, array([])) * 2000
        with self.connect() as client:
            client.socket.settimeout(0.5)
            sent = 0
            try:
                while sent < 64 * MB:  # Millions of requests.
                    sent += client.socket.send(ask)
            except TimeoutError:
                pass
            self.assertLess(sent, 64 * MB, "the broker stops reading")
            self.tearDown()

    def test_b50_correlation_ids_are_echoed(self):
        with self.connect() as client:
            ids = [-1, -2**31, 5, 5, 5, INT32_MAX]
            client.send(b"".join(request(METADATA, 1, array([]), correlation=i) for i in ids))
            self.assertEqual([struct.unpack(">i", client.answer()[:4])[0] for _ in ids], ids)


if __name__ == "__main__":
    unittest.main(verbosity=2)
