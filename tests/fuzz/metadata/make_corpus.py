#!/usr/bin/env python3
"""Makes inputs of fuzz_metadata_records from the metadata log of an Apache Kafka controller.

    make_corpus.py .../__cluster_metadata-0/00000000000000000000.log tests/fuzz/metadata/corpus

Some of its records of each type, in their order, become inputs that differ in where the change begins; its batches
of several records become one of the other kind, a piece of a log.
"""
import pathlib
import struct
import sys

HEADER_BYTES = 61
ATTRIBUTES_AT, COUNT_AT = 21, 57
CONTROL = 0x20
# Of each type; the log repeats some of them without end.
OF_A_TYPE_MAX = 3
NO_OP = 20
SPLIT_STEP = 9


def varint(data, at, zigzag=False):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1) if zigzag else value, at


def batches(log):
    at = 0
    while at + HEADER_BYTES <= len(log):
        size = 12 + struct.unpack_from(">i", log, at + 8)[0]
        if size <= HEADER_BYTES or at + size > len(log):
            return
        yield log[at:at + size]
        at += size


def values(batch):
    """Of the records of a batch that is not compressed."""
    at = HEADER_BYTES
    for _ in range(struct.unpack_from(">i", batch, COUNT_AT)[0]):
        length, at = varint(batch, at, zigzag=True)
        end = at + length
        at += 1
        for _ in range(2):
            _, at = varint(batch, at, zigzag=True)
        key_length, at = varint(batch, at, zigzag=True)
        at += max(key_length, 0)
        value_length, at = varint(batch, at, zigzag=True)
        yield batch[at:at + value_length]
        at = end


def record_type(value):
    _, at = varint(value, 0)
    return varint(value, at)[0]


def main():
    log = pathlib.Path(sys.argv[1]).read_bytes()
    corpus = pathlib.Path(sys.argv[2])
    corpus.mkdir(parents=True, exist_ok=True)
    records, seen, pieces = [], {}, []
    for batch in batches(log):
        if struct.unpack_from(">h", batch, ATTRIBUTES_AT)[0] & CONTROL:
            continue
        if struct.unpack_from(">i", batch, COUNT_AT)[0] > 1:
            pieces.append(batch)
        for value in values(batch):
            kind = record_type(value)
            seen[kind] = seen.get(kind, 0) + 1
            if seen[kind] > (1 if kind == NO_OP else OF_A_TYPE_MAX):
                continue
            records.append(value)
    framed = b"".join(struct.pack(">H", len(value)) + value for value in records)
    for split in range(0, len(records), SPLIT_STEP):
        (corpus / f"records_{split}").write_bytes(bytes([0, split]) + framed)
    (corpus / "log").write_bytes(bytes([3, len(records) // 2]) + b"".join(pieces))
    print(f"{len(records)} records of types {sorted(seen)}, {len(pieces)} batches")


if __name__ == "__main__":
    main()
