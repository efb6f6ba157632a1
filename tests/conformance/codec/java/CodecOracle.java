import java.io.*;
import java.lang.reflect.*;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.*;
import java.util.jar.JarFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.protocol.*;
import org.apache.kafka.common.protocol.types.*;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.utils.ImplicitLinkedHashCollection;

/**
 * Kafka's own generated message classes as the oracle of our codec. Run by tests/conformance/codec/run.py:
 *
 *   generate LIBS OUT SEED ROUNDS   random messages of every class and version that the jars hold
 *   verify LIBS IN                  decodes what we encoded, encodes it again, and compares
 *   facts OUT                       API versions, header versions and error codes
 *
 * A message in a file is: int16 length, name, int16 version, int32 length, bytes.
 */
public final class CodecOracle {
    private static final List<String> PACKAGES = List.of("org/apache/kafka/common/message/",
        "org/apache/kafka/common/metadata/", "org/apache/kafka/coordinator/", "org/apache/kafka/raft/generated/",
        "org/apache/kafka/server/log/", "org/apache/kafka/storage/");

    private final Random random;

    private CodecOracle(long seed) {
        random = new Random(seed);
    }

    public static void main(String[] args) throws Exception {
        switch (args[0]) {
            case "generate" -> generate(args[1], args[2], Long.parseLong(args[3]), Integer.parseInt(args[4]));
            case "verify" -> verify(args[1], args[2]);
            case "facts" -> facts(args[1]);
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    /** Every top-level message class in the jars, by the name that its schema has. */
    private static SortedMap<String, Class<?>> messages(String libs) throws Exception {
        SortedMap<String, Class<?>> found = new TreeMap<>();
        try (DirectoryStream<Path> jars = Files.newDirectoryStream(Path.of(libs), "kafka*.jar")) {
            for (Path jar : jars) {
                try (JarFile file = new JarFile(jar.toFile())) {
                    for (var entry : Collections.list(file.entries())) {
                        String path = entry.getName();
                        if (!path.endsWith(".class") || path.contains("$") || PACKAGES.stream().noneMatch(path::startsWith)) continue;
                        Class<?> type = Class.forName(path.substring(0, path.length() - 6).replace('/', '.'), false,
                            CodecOracle.class.getClassLoader());
                        if (!Message.class.isAssignableFrom(type) || type.isInterface()) continue;
                        String name = type.getSimpleName().replaceFirst("(Request|Response|Header)Data$", "$1");
                        short high = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
                        short low = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null);
                        if (low <= high) found.put(name, type);
                    }
                }
            }
        }
        return found;
    }

    private static void generate(String libs, String out, long seed, int rounds) throws Exception {
        CodecOracle oracle = new CodecOracle(seed);
        try (DataOutputStream stream = new DataOutputStream(new BufferedOutputStream(new FileOutputStream(out)))) {
            for (var entry : messages(libs).entrySet()) {
                Class<?> type = entry.getValue();
                short high = type.getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
                for (short v = type.getField("LOWEST_SUPPORTED_VERSION").getShort(null); v <= high; v++) {
                    for (int round = 0; round < rounds; round++) {
                        // The first is all defaults where nothing may be null, the second all nulls, the rest random.
                        Object message = oracle.fill(type, v, round);
                        writeMessage(stream, entry.getKey(), v, encode((Message) message, v));
                    }
                }
            }
        }
    }

    private static void writeMessage(DataOutputStream stream, String name, short version, byte[] bytes) throws IOException {
        stream.writeUTF(name);
        stream.writeShort(version);
        stream.writeInt(bytes.length);
        stream.write(bytes);
    }

    private static byte[] encode(Message message, short version) {
        ObjectSerializationCache cache = new ObjectSerializationCache();
        ByteBuffer buffer = ByteBuffer.allocate(message.size(cache, version));
        message.write(new ByteBufferAccessor(buffer), cache, version);
        if (buffer.hasRemaining()) throw new IllegalStateException(message.getClass() + ": size is not what was written");
        return buffer.array();
    }

    /** A message with every field of the version set, as its published schema says. */
    private Object fill(Class<?> type, short version, int round) throws Exception {
        Constructor<?> constructor = type.getDeclaredConstructor();
        constructor.setAccessible(true);
        Object message = constructor.newInstance();
        Schema schema = ((Schema[]) type.getField("SCHEMAS").get(null))[version];
        if (schema == null) throw new IllegalStateException(type + " has no version " + version);
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                for (org.apache.kafka.common.protocol.types.Field field : tagged.fields().values()) {
                    if (round > 1 && random.nextBoolean() || round == 1) set(message, type, field, version, round);
                }
            } else {
                set(message, type, bound.def, version, round);
            }
        }
        return message;
    }

    private void set(Object message, Class<?> type, org.apache.kafka.common.protocol.types.Field schemaField, short version, int round)
        throws Exception {
        java.lang.reflect.Field field = memberOf(type, schemaField.name);
        field.setAccessible(true);
        if (schemaField.type.isNullable() && (round == 1 || round > 1 && random.nextInt(4) == 0)) {
            field.set(message, null);
        } else if (round == 0 && field.get(message) != null) {
            return;
        } else {
            field.set(message, value(field.getGenericType(), version, round));
        }
    }

    private static java.lang.reflect.Field memberOf(Class<?> type, String schemaName) throws Exception {
        String wanted = schemaName.replace("_", "").toLowerCase(Locale.ROOT);
        for (java.lang.reflect.Field field : type.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && field.getName().toLowerCase(Locale.ROOT).equals(wanted)) return field;
        }
        throw new NoSuchFieldException(type + "." + schemaName);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private Object value(java.lang.reflect.Type type, short version, int round) throws Exception {
        if (type instanceof ParameterizedType list) {
            List<Object> elements = new ArrayList<>();
            for (int i = elementCount(round); i > 0; i--) elements.add(value(list.getActualTypeArguments()[0], version, round));
            return elements;
        }
        Class<?> plain = (Class<?>) type;
        if (ImplicitLinkedHashCollection.class.isAssignableFrom(plain)) {
            var collection = (ImplicitLinkedHashCollection) plain.getDeclaredConstructor().newInstance();
            var element = ((ParameterizedType) plain.getGenericSuperclass()).getActualTypeArguments()[0];
            for (int i = elementCount(round); i > 0; i--) collection.add((ImplicitLinkedHashCollection.Element) value(element, version, round));
            return collection;
        }
        if (plain == boolean.class) return random.nextBoolean();
        if (plain == byte.class || plain == Byte.class) return (byte) number(8);
        if (plain == short.class || plain == Short.class) return (short) number(16);
        if (plain == int.class || plain == Integer.class) return (int) number(32);
        if (plain == long.class || plain == Long.class) return number(64);
        if (plain == double.class) return random.nextInt(4) == 0 ? 0.0 : random.nextGaussian() * 1e9;
        if (plain == String.class) return text();
        if (plain == Uuid.class) return new Uuid(number(64), number(64));
        if (plain == byte[].class) return bytes();
        if (plain == ByteBuffer.class) return ByteBuffer.wrap(bytes());
        if (BaseRecords.class.isAssignableFrom(plain)) return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        return fill(plain, version, round);
    }

    private int elementCount(int round) {
        return round == 0 ? 0 : round == 1 ? 1 : random.nextInt(8) == 0 ? 130 / (1 + random.nextInt(100)) : random.nextInt(4);
    }

    /** Edges as often as anything between. */
    private long number(int bits) {
        long max = -1L >>> (65 - bits);
        return switch (random.nextInt(6)) {
            case 0 -> 0;
            case 1 -> -1;
            case 2 -> max;
            case 3 -> -max - 1;
            case 4 -> random.nextInt(100);
            default -> random.nextLong() >> (64 - bits);
        };
    }

    private String text() {
        return switch (random.nextInt(6)) {
            case 0 -> "";
            case 1 -> "a".repeat(random.nextInt(50) == 0 ? 32767 : 126 + random.nextInt(4));
            case 2 -> "\u00e9\u4e16\ud83d\ude00\u0000";
            default -> "name-" + random.nextInt(100000);
        };
    }

    private byte[] bytes() {
        byte[] value = new byte[random.nextInt(5) == 0 ? random.nextInt(300) : random.nextInt(20)];
        random.nextBytes(value);
        return value;
    }

    private static void verify(String libs, String in) throws Exception {
        SortedMap<String, Class<?>> types = messages(libs);
        int count = 0;
        Set<String> seen = new HashSet<>();
        try (DataInputStream stream = new DataInputStream(new BufferedInputStream(new FileInputStream(in)))) {
            while (stream.available() > 0) {
                String name = stream.readUTF();
                short version = stream.readShort();
                byte[] bytes = new byte[stream.readInt()];
                stream.readFully(bytes);
                Message message = (Message) types.get(name).getDeclaredConstructor().newInstance();
                ByteBuffer buffer = ByteBuffer.wrap(bytes);
                try {
                    message.read(new ByteBufferAccessor(buffer), version);
                } catch (RuntimeException e) {
                    throw new IllegalStateException(name + " v" + version + " of ours is not readable", e);
                }
                if (buffer.hasRemaining()) throw new IllegalStateException(name + " v" + version + ": bytes left over");
                if (!Arrays.equals(bytes, encode(message, version))) {
                    throw new IllegalStateException(name + " v" + version + " differs: " + message);
                }
                seen.add(name + " v" + version);
                count++;
            }
        }
        for (var entry : types.entrySet()) {
            short high = entry.getValue().getField("HIGHEST_SUPPORTED_VERSION").getShort(null);
            for (short v = entry.getValue().getField("LOWEST_SUPPORTED_VERSION").getShort(null); v <= high; v++) {
                if (!seen.contains(entry.getKey() + " v" + v)) throw new IllegalStateException("missing " + entry.getKey() + " v" + v);
            }
        }
        System.out.printf("ours to Kafka: %d messages of %d (message, version) pairs are byte-equal%n", count, seen.size());
    }

    private static void facts(String out) throws Exception {
        try (PrintStream stream = new PrintStream(out, StandardCharsets.UTF_8)) {
            for (ApiKeys key : ApiKeys.values()) {
                ApiMessageType type = key.messageType;
                for (short v = type.lowestSupportedVersion(); v <= type.highestSupportedVersion(true); v++) {
                    stream.printf("api %d %s %d %d %d%n", key.id, key.name, v, type.requestHeaderVersion(v), type.responseHeaderVersion(v));
                }
                if (type.lowestSupportedVersion() > type.highestSupportedVersion(true)) continue;
                stream.printf("access %d %b %b %b %b %d%n", key.id, key.inScope(ApiMessageType.ListenerType.BROKER),
                    key.inScope(ApiMessageType.ListenerType.CONTROLLER), key.clusterAction, key.forwardable,
                    type.highestSupportedVersion(false));
            }
            for (Errors error : Errors.values()) {
                boolean retriable = error.exception() instanceof org.apache.kafka.common.errors.RetriableException;
                stream.printf("error %d %s %b%n", error.code(), error.name(), retriable);
            }
        }
    }
}
