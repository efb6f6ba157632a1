"""The schema files of kafka/schema: their model and parser. kafka/schema/README.md describes the notation."""
import dataclasses
import pathlib
import re

VERSION_MAX = 32767
SCALARS = {"bool", "int8", "int16", "uint16", "int32", "uint32", "int64", "float64", "uuid", "string", "bytes", "records"}
KINDS = {"request", "response", "header", "data", "metadata", "coordinator-key", "coordinator-value"}


class SchemaError(Exception):
    """A mistake in a schema file, with the place where it stands."""

    def __init__(self, place, text):
        super().__init__(f"{place}: error: {text}")


@dataclasses.dataclass(frozen=True)
class Versions:
    """A closed range of versions; empty when lowest > highest."""
    lowest: int = 0
    highest: int = -1

    def __contains__(self, version):
        return self.lowest <= version <= self.highest

    @staticmethod
    def parse(text, place):
        if text == "none":
            return Versions()
        match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not match:
            raise SchemaError(place, f"'{text}' is not a version range such as 3, 0-4, 2+ or none")
        low = int(match[1])
        if match[2] is None:
            return Versions(low, low)
        return Versions(low, VERSION_MAX if match[2] == "+" else int(match[3]))


@dataclasses.dataclass(eq=False)
class Field:
    name: str
    type: str  # A scalar or the name of a struct.
    is_array: bool
    versions: Versions
    place: str
    nullable: Versions = Versions()
    tagged: Versions = Versions()
    tag: int = -1
    default: str | None = None
    ignorable: bool = False
    never_flexible: bool = False
    struct: "Struct | None" = None

    @property
    def is_optional(self):
        """Whether the C++ member is a std::optional."""
        return self.nullable.lowest <= self.nullable.highest

    @property
    def default_is_null(self):
        return self.default == "null" or (self.type == "records" and self.is_optional)


@dataclasses.dataclass(eq=False)
class Struct:
    name: str
    place: str
    fields: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Message:
    kind: str
    name: str
    key: int
    valid: Versions
    flexible: Versions
    path: str
    root: Struct
    structs: list = dataclasses.field(default_factory=list)  # Nested ones, each after those it contains.

    def is_flexible(self, version):
        return version in self.flexible


def snake(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()


def parse_field(words, place):
    if len(words) < 3:
        raise SchemaError(place, "a field needs a name, a type and versions")
    name, type_name, versions = words[:3]
    is_array = type_name.startswith("[]")
    field = Field(name, type_name.removeprefix("[]"), is_array, Versions.parse(versions, place), place)
    if is_array and field.type in ("bool", "bytes", "records", "uint16", "uint32", "float64"):
        raise SchemaError(place, f"arrays of {field.type} are not supported")
    for word in words[3:]:
        option, _, value = word.partition("=")
        if option == "null":
            field.nullable = Versions.parse(value, place)
        elif option == "default":
            field.default = value
        elif option == "tag":
            tag, _, tagged = value.partition("@")
            field.tag, field.tagged = int(tag), Versions.parse(tagged, place)
        elif word == "ignorable":
            field.ignorable = True
        elif word == "flexible=none":
            field.never_flexible = True
        elif option not in ("entity", "key", "zerocopy"):
            raise SchemaError(place, f"unknown option '{word}'")
    if field.default == "null" and not field.is_optional:
        raise SchemaError(place, f"{name} defaults to null but is never nullable")
    if field.is_optional and not (is_array or field.type in ("string", "bytes", "records") or field.type not in SCALARS):
        raise SchemaError(place, f"{field.type} cannot be null")
    return field


def parse_header(line, path):
    place = f"{path}:1"
    words = line.split()
    if len(words) < 2 or words[0] not in KINDS:
        raise SchemaError(place, f"the first line must be one of {', '.join(sorted(KINDS))} and a name")
    options = {}
    for word in words[2:]:
        option, _, value = word.partition("=")
        if option not in ("key", "valid", "flexible"):
            raise SchemaError(place, f"unknown option '{word}'")
        options[option] = value
    if "valid" not in options or "flexible" not in options:
        raise SchemaError(place, "valid= and flexible= are needed")
    if snake(words[1]) != pathlib.Path(path).stem:
        raise SchemaError(place, f"{words[1]} belongs in a file named {snake(words[1])}.msg")
    return Message(words[0], words[1], int(options.get("key", -1)), Versions.parse(options["valid"], place),
                   Versions.parse(options["flexible"], place), path, Struct(words[1], place))


def parse(path, text):
    """One schema file to a Message."""
    lines = [(number, line.rstrip()) for number, line in enumerate(text.split("\n"), 1)
             if line.strip() and not line.lstrip().startswith("#")]
    if not lines:
        raise SchemaError(f"{path}:1", "empty schema")
    message = parse_header(lines[0][1], path)
    structs = {}
    open_structs = [message.root]  # By depth; None below a field that is not of a struct's type.
    for number, line in lines[1:]:
        place = f"{path}:{number}"
        indent = len(line) - len(line.lstrip(" "))
        depth = indent // 2
        if indent % 2 or depth < 1 or depth > len(open_structs) or open_structs[depth - 1] is None:
            raise SchemaError(place, "indented where nothing can hold it")
        words = line.split()
        del open_structs[depth:]
        if words[0] == "struct":
            struct = Struct(words[1], place)
            name = words[1]
        else:
            field = parse_field(words, place)
            open_structs[depth - 1].fields.append(field)
            struct = Struct(field.type, place) if field.type not in SCALARS else None
            name = field.type
        open_structs.append(struct)
        if struct:
            structs.setdefault(name, []).append(struct)
    resolve(message, structs)
    return message


def resolve(message, structs):
    """Binds every field of a struct's type to its definition, and orders structs by containment."""
    definitions = {}
    for name, candidates in structs.items():
        defined = [struct for struct in candidates if struct.fields]
        if len(defined) != 1:
            raise SchemaError(candidates[0].place, f"struct {name} is defined {len(defined)} times, not once")
        definitions[name] = defined[0]
    done = []

    def visit(struct, path):
        if struct in path:
            raise SchemaError(struct.place, f"struct {struct.name} contains itself")
        seen = set()
        for field in struct.fields:
            if snake(field.name) in seen:
                raise SchemaError(field.place, f"{field.name} is there twice")
            seen.add(snake(field.name))
            if field.type not in SCALARS:
                field.struct = definitions[field.type]
                visit(field.struct, path + [struct])
        tags = sorted(field.tag for field in struct.fields if field.tag >= 0)
        if tags != list(range(len(tags))):
            raise SchemaError(struct.place, f"tags of {struct.name} are {tags}, not 0, 1, ...")
        if not any(struct is other for other in done):
            done.append(struct)

    visit(message.root, [])
    message.structs = done[:-1]


def load(directory):
    """Every message under the directory, by path."""
    root = pathlib.Path(directory)
    messages = [parse(str(path), path.read_text()) for path in sorted(root.rglob("*.msg"))]
    names = {}
    for message in messages:
        if message.name in names:
            raise SchemaError(f"{message.path}:1", f"{message.name} is already in {names[message.name]}")
        names[message.name] = message.path
    return messages
