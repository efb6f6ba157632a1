"""The header of one message: its struct."""
from cpp_types import first_flexible, initializer, member_name, member_type
from schema import snake


def field_lines(struct, indent):
    return [f"{indent}{member_type(field)} {member_name(field)}{initializer(field)};" for field in struct.fields]


def includes(message):
    types = {field.type for struct in message.structs + [message.root] for field in struct.fields}
    lines = ["#include <cstdint>", "#include <optional>", "#include <string>", "#include <string_view>",
             "#include <vector>", ""]
    if "bytes" in types:
        lines.append('#include "base/bytes.h"')
    if "uuid" in types:
        lines.append('#include "base/uuid.h"')
    if message.kind in ("request", "response"):
        lines.append('#include "kafka/api_keys.h"')
    if "records" in types:
        lines.append('#include "kafka/records_ref.h"')
    return lines


def header(message, api_name):
    name = message.name
    lines = [f"// Generated from kafka/schema/{message.path}; do not edit.", "#pragma once", ""]
    lines += includes(message)
    lines += ["", "namespace penstock::kafka {", "", "struct MessageDescriptor;"]
    if message.kind == "request":
        lines.append(f"struct {name.removesuffix('Request')}Response;")
    types = f"{snake(name)}_types"
    if message.structs:
        # Outside the message: within it, clang could not yet default-construct them in a std::optional.
        lines += ["", f"namespace {types} {{"]
        for struct in message.structs:
            lines += ["", f"struct {struct.name} {{"] + field_lines(struct, "  ")
            lines += ["", f"  friend bool operator==(const {struct.name}&, const {struct.name}&) = default;", "};"]
        lines += ["", f"}}  // namespace {types}"]
    lines += ["", f"struct {name} {{", "  static const MessageDescriptor kDescriptor;",
              f'  static constexpr std::string_view kName = "{name}";']
    if message.kind in ("request", "response"):
        lines.append(f"  static constexpr ApiKey kApiKey = ApiKey::k{api_name};")
    elif message.key >= 0:
        lines.append(f"  static constexpr std::int16_t kRecordKey = {message.key};")
    lines += [f"  static constexpr std::int16_t kLowestVersion = {message.valid.lowest};",
              f"  static constexpr std::int16_t kHighestVersion = {message.valid.highest};",
              f"  static constexpr std::int16_t kFirstFlexible = {first_flexible(message)};"]
    if message.kind == "request":
        lines.append(f"  using Response = {name.removesuffix('Request')}Response;")
    lines += [f"  using {struct.name} = {types}::{struct.name};" for struct in message.structs]
    if message.root.fields:
        lines.append("")
        lines += field_lines(message.root, "  ")
    lines += ["", f"  friend bool operator==(const {name}&, const {name}&) = default;", "};", "",
              "}  // namespace penstock::kafka", ""]
    return "\n".join(lines)


def header_path(message):
    return f"kafka/messages/{snake(message.name)}.h"
