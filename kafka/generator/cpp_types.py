"""How a field of a schema looks in C++: member type, initializer, and least encoded size."""
from schema import SCALARS, SchemaError, VERSION_MAX, snake

CPP_SCALARS = {
    "bool": "bool", "int8": "std::int8_t", "int16": "std::int16_t", "uint16": "std::uint16_t",
    "int32": "std::int32_t", "uint32": "std::uint32_t", "int64": "std::int64_t", "float64": "double",
    "uuid": "base::Uuid", "string": "std::string", "bytes": "base::Bytes", "records": "RecordsRef",
}
FIELD_TYPES = {
    "bool": "kBool", "int8": "kInt8", "int16": "kInt16", "uint16": "kUint16", "int32": "kInt32",
    "uint32": "kUint32", "int64": "kInt64", "float64": "kFloat64", "uuid": "kUuid", "string": "kString",
    "bytes": "kBytes", "records": "kRecords",
}
FIXED_SIZES = {"bool": 1, "int8": 1, "int16": 2, "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "float64": 8,
               "uuid": 16}
INTEGER_BITS = {"int8": 8, "int16": 16, "int32": 32, "int64": 64}
KEYWORDS = {"class", "default", "delete", "enum", "namespace", "new", "operator", "private", "public", "register",
            "struct", "switch", "template", "this", "typename", "union", "using", "virtual"}


def member_name(field):
    name = snake(field.name)
    if name in KEYWORDS:
        raise SchemaError(field.place, f"{name} is a C++ keyword")
    return name


def element_type(field):
    return CPP_SCALARS.get(field.type, field.type)


def member_type(field):
    cpp = element_type(field)
    if field.is_array:
        cpp = f"std::vector<{cpp}>"
    return f"std::optional<{cpp}>" if field.is_optional else cpp


def default_number(field):
    """The default of a number or bool, as a Python int; 0 for everything else."""
    if field.default is None or field.is_array or field.type not in FIXED_SIZES or field.type == "uuid":
        if field.default not in (None, "null", '""'):
            raise SchemaError(field.place, f"a {field.type} cannot default to {field.default}")
        return 0
    if field.type == "bool":
        if field.default not in ("true", "false"):
            raise SchemaError(field.place, "a bool defaults to true or false")
        return int(field.default == "true")
    try:
        value = int(field.default, 0)
    except ValueError:
        raise SchemaError(field.place, f"'{field.default}' is not a number") from None
    bits = INTEGER_BITS.get(field.type)
    if bits and not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise SchemaError(field.place, f"{value} does not fit {field.type}")
    return value


def literal(value):
    """A C++ literal that is right for the least numbers too."""
    if value in (-(1 << 31), -(1 << 63)):
        return f"{value + 1} - 1"
    return str(value)


def initializer(field):
    if field.is_optional:
        return "" if field.default_is_null else "{std::in_place}"
    if field.is_array or field.type not in FIXED_SIZES or field.type == "uuid":
        return ""
    value = default_number(field)
    if field.type == "bool":
        return " = true" if value else " = false"
    return f" = {literal(value)}"


def encoded_size_min(message, struct, version):
    """The fewest bytes that a struct can take in a version; counts are checked against it."""
    flexible = message.is_flexible(version)
    size = 1 if flexible else 0
    for field in struct.fields:
        if version not in field.versions or version in field.tagged:
            continue
        compact = flexible and not field.never_flexible
        if field.is_array or field.type in ("bytes", "records"):
            size += 1 if compact else 4
        elif field.type == "string":
            size += 1 if compact else 2
        elif field.type in SCALARS:
            size += FIXED_SIZES[field.type]
        elif version in field.nullable:
            size += 1
        else:
            size += encoded_size_min(message, field.struct, version)
    return size


def first_flexible(message):
    return message.flexible.lowest if message.flexible.lowest <= message.flexible.highest else VERSION_MAX
