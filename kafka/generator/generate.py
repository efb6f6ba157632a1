#!/usr/bin/env python3
"""Writes the C++ of every message in kafka/schema: one header each, and descriptor tables in a few .cc files.

    generate.py --schema kafka/schema --out build/generated

Files whose content stays the same are not touched, so that only what depends on a changed schema is rebuilt.
"""
import argparse
import pathlib
import sys
import zlib

import emit_header
import emit_tables
import schema

GROUPS = 12


def write_if_changed(path, text):
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def generate(schema_dir, out):
    messages = schema.load(schema_dir)
    requests = {message.key: message for message in messages if message.kind == "request"}
    responses = {message.key: message for message in messages if message.kind == "response"}
    for key, request in requests.items():
        if key not in responses or responses[key].valid != request.valid:
            raise schema.SchemaError(f"{request.path}:1", "no response has the same key and versions")
    api_enum, api_table, api_names = emit_tables.api_tables(f"{schema_dir}/api_keys.tsv", requests)
    files = {"api_key_enum.inc": api_enum, "api_table.inc": api_table,
             "error_codes.inc": emit_tables.error_rows(f"{schema_dir}/error_codes.tsv")}

    groups = [[] for _ in range(GROUPS)]
    for message in messages:
        message.path = str(pathlib.Path(message.path).relative_to(schema_dir))
        api_name = None
        if message.kind in ("request", "response"):
            api_name = api_names.get(message.key)
            if message.name != f"{api_name}{message.kind.capitalize()}":
                raise schema.SchemaError(f"{message.path}:1", f"key {message.key} is {api_name} in api_keys.tsv")
        files[f"{schema.snake(message.name)}.h"] = emit_header.header(message, api_name)
        groups[zlib.crc32(message.name.encode()) % GROUPS].append(message)
    for number, group in enumerate(groups):
        files[f"tables_{number:02}.cc"] = emit_tables.group(group)
    files["registry.cc"] = emit_tables.registry(messages)
    for name, text in files.items():
        write_if_changed(out / "kafka" / "messages" / name, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--schema", required=True)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    try:
        generate(args.schema, pathlib.Path(args.out))
    except schema.SchemaError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
