"""The .cc files: descriptor tables of a group of messages, the registry, and the tables of APIs and errors."""
from cpp_types import FIELD_TYPES, default_number, element_type, encoded_size_min, literal, member_name
from emit_header import header_path
from schema import SCALARS, SchemaError

KIND_NAMES = {
    "request": "kRequest", "response": "kResponse", "header": "kHeader", "data": "kData",
    "metadata": "kMetadataRecord", "coordinator-key": "kCoordinatorKey", "coordinator-value": "kCoordinatorValue",
}


def boolean(value):
    return "true" if value else "false"


def version_range(versions):
    return f"{{{versions.lowest}, {versions.highest}}}"


def struct_ops(message, field):
    template = "kOptional" if field.is_optional else "k"
    template += "Vector" if field.is_array else "Struct"
    return f"&detail::{template}<{message.name}::{field.type}>"


def field_row(message, cpp_struct, field):
    nested = field.type not in SCALARS
    return ", ".join([
        f'    {{"{member_name(field)}"', f"offsetof({cpp_struct}, {member_name(field)})",
        f"FieldType::{FIELD_TYPES.get(field.type, 'kStruct')}", boolean(field.is_array), boolean(field.is_optional),
        boolean(field.default_is_null), boolean(field.ignorable), boolean(field.never_flexible), str(field.tag),
        version_range(field.versions), version_range(field.nullable), version_range(field.tagged),
        literal(default_number(field)),
        f"&{table_name(message, field.struct)}" if nested else "nullptr",
        struct_ops(message, field) if nested else "nullptr"]) + "},"


def table_name(message, struct):
    return f"k{message.name}" + ("" if struct is message.root else f"_{struct.name}")


def struct_table(message, struct):
    cpp = message.name if struct is message.root else f"{message.name}::{struct.name}"
    name = table_name(message, struct)
    lines = []
    fields = tagged = "{}"
    if struct.fields:
        fields = f"{name}_fields"
        lines.append(f"constexpr FieldDescriptor {fields}[] = {{")
        lines += [field_row(message, cpp, field) for field in struct.fields]
        lines.append("};")
    by_tag = sorted((field.tag, index) for index, field in enumerate(struct.fields) if field.tag >= 0)
    if by_tag:
        tagged = f"{name}_tagged"
        lines.append(f"constexpr const FieldDescriptor* {tagged}[] = {{"
                     + ", ".join(f"&{fields}[{index}]" for _, index in by_tag) + "};")
    sizes = [encoded_size_min(message, struct, version)
             for version in range(message.valid.lowest, message.valid.highest + 1)]
    lines.append(f"constexpr std::uint16_t {name}_sizes[] = {{{', '.join(map(str, sizes))}}};")
    lines.append(f'constexpr StructDescriptor {name}{{"{struct.name}", sizeof({cpp}), {fields}, {tagged}, '
                 f"{name}_sizes}};")
    return lines


def message_tables(message):
    lines = []
    for struct in message.structs + [message.root]:
        lines += struct_table(message, struct)
    name = message.name
    lines += ["}  // namespace",
              f'constexpr MessageDescriptor {name}::kDescriptor{{"{name}", MessageKind::{KIND_NAMES[message.kind]}, '
              f"{message.key}, {version_range(message.valid)}, {version_range(message.flexible)}, &k{name}, "
              f"&detail::create_message<{name}>, &detail::destroy_message<{name}>}};",
              "namespace {"]
    return lines


def group(messages):
    lines = ["// Generated from kafka/schema; do not edit.", "#include <cstddef>", "", '#include "kafka/descriptor.h"']
    lines += [f'#include "{header_path(message)}"' for message in messages]
    lines += ["", "// The messages have members that are not of standard layout; clang's offsets are right all the same.",
              '#pragma clang diagnostic ignored "-Winvalid-offsetof"', "", "namespace penstock::kafka {", "",
              "namespace {"]
    for message in messages:
        lines += message_tables(message)
    lines += ["}  // namespace", "", "}  // namespace penstock::kafka", ""]
    return "\n".join(lines)


def registry(messages):
    lines = ["// Generated from kafka/schema; do not edit.", '#include "kafka/message_registry.h"', ""]
    lines += [f'#include "{header_path(message)}"' for message in messages]
    lines += ["", "namespace penstock::kafka {", "", "std::span<const MessageDescriptor* const> all_messages() {",
              "  static constexpr const MessageDescriptor* kMessages[] = {"]
    lines += [f"      &{message.name}::kDescriptor," for message in messages]
    lines += ["  };", "  return kMessages;", "}", "", "}  // namespace penstock::kafka", ""]
    return "\n".join(lines)


def read_rows(path, columns):
    rows = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("#") or not line.strip():
                continue
            row = line.rstrip("\n").split("\t")
            if len(row) != columns:
                raise SchemaError(f"{path}:{number}", f"{len(row)} columns, not {columns}")
            rows.append((f"{path}:{number}", row))
    return rows


def api_tables(path, requests):
    """The lines of the enum and of the table, and the names by number."""
    enum, table, names = [], [], {}
    for place, (key, name, listeners, notes) in read_rows(path, 4):
        notes = set(notes.split(",")) - {"-"}
        known = {"cluster-action", "forwardable", "latest-unstable", "removed"}
        advertised_from = [note for note in notes if note.startswith("advertised-from=")]
        if notes - known - set(advertised_from):
            raise SchemaError(place, f"unknown note in {sorted(notes)}")
        enum.append(f"PENSTOCK_API_KEY(k{name}, {key})")
        names[int(key)] = name
        if "removed" in notes:
            continue
        request = requests.get(int(key))
        if request is None:
            raise SchemaError(place, f"no request has key={key}")
        low, high = request.valid.lowest, request.valid.highest
        flexible = request.flexible.lowest if request.flexible.lowest <= request.flexible.highest else 32767
        table.append(
            f'{{ApiKey::k{name}, "{name}", {low}, {high}, {flexible}, '
            f"{advertised_from[0].partition('=')[2] if advertised_from else low}, "
            f"{high - 1 if 'latest-unstable' in notes else high}, "
            f"{boolean('broker' in listeners.split(','))}, {boolean('controller' in listeners.split(','))}, "
            f"{boolean('cluster-action' in notes)}, {boolean('forwardable' in notes)}}},")
    return "\n".join(enum) + "\n", "\n".join(table) + "\n", names


def error_rows(path):
    lines = []
    for place, (code, name, retriable) in read_rows(path, 3):
        if retriable not in ("yes", "no"):
            raise SchemaError(place, "the third column is yes or no")
        enumerator = "k" + "".join(word.capitalize() for word in name.split("_"))
        text = name.lower().replace("_", " ")
        lines.append(f'PENSTOCK_ERROR_CODE({enumerator}, {code}, "{name}", {boolean(retriable == "yes")}, "{text}")')
    return "\n".join(lines) + "\n"
