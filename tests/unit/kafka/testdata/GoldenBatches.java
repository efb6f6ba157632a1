// Prints the batches and hashes of golden_batches.inc with Apache Kafka's own classes:
//   java -cp 'kafka-libs/*' tests/unit/kafka/testdata/GoldenBatches.java > tests/unit/kafka/testdata/golden_batches.inc
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.utils.Utils;

public class GoldenBatches {
    static final long TIME = 1700000000000L;

    static byte[] bytes(String text) {
        return text == null ? null : text.getBytes(StandardCharsets.UTF_8);
    }

    static void print(String name, MemoryRecordsBuilder builder) {
        print(name, builder.build());
    }

    static void print(String name, MemoryRecords records) {
        ByteBuffer buffer = records.buffer().duplicate();
        byte[] all = new byte[buffer.remaining()];
        buffer.get(all);
        System.out.println("BATCH(\"" + name + "\", \"" + HexFormat.of().formatHex(all) + "\")");
    }

    static MemoryRecordsBuilder builder(Compression compression, TimestampType type, long baseOffset, long pid,
                                        short epoch, int sequence, boolean transactional) {
        return MemoryRecords.builder(ByteBuffer.allocate(1 << 16), RecordBatch.MAGIC_VALUE_V2, compression, type,
            baseOffset, type == TimestampType.LOG_APPEND_TIME ? TIME + 5 : RecordBatch.NO_TIMESTAMP, pid, epoch,
            sequence, transactional, false, 7);
    }

    // Enough text that every codec makes several blocks of it.
    static void fill(MemoryRecordsBuilder builder) {
        for (int i = 0; i < 300; i++)
            builder.append(TIME + i, bytes("key-" + i), bytes("value ".repeat(40) + i), new Header[0]);
    }

    public static void main(String[] args) {
        MemoryRecordsBuilder plain = builder(Compression.NONE, TimestampType.CREATE_TIME, 0, -1L, (short) -1, -1, false);
        plain.append(TIME, bytes("a"), bytes("one"), new Header[0]);
        plain.append(TIME - 3, null, bytes("two"), new Header[0]);
        plain.append(TIME + 70000, bytes("c"), null, new Header[] {
            new RecordHeader("h1", bytes("x")), new RecordHeader("h2", null), new RecordHeader("", new byte[0])});
        print("plain", plain);

        MemoryRecordsBuilder producer = builder(Compression.NONE, TimestampType.CREATE_TIME, 42, 1234567890123L, (short) 3, 17, true);
        for (int i = 0; i < 3; i++) producer.append(TIME + i, bytes("k" + i), bytes("v".repeat(100 * i)), new Header[0]);
        print("producer", producer);

        MemoryRecordsBuilder appendTime = builder(Compression.NONE, TimestampType.LOG_APPEND_TIME, 5, -1L, (short) -1, -1, false);
        appendTime.append(TIME, null, bytes("v"), new Header[0]);
        print("append_time", appendTime);

        print("commit_marker", MemoryRecords.withEndTransactionMarker(9, TIME, 2, 77L, (short) 1,
            new EndTransactionMarker(ControlRecordType.COMMIT, 6)));
        print("abort_marker", MemoryRecords.withEndTransactionMarker(9, TIME, 2, 77L, (short) 1,
            new EndTransactionMarker(ControlRecordType.ABORT, 6)));

        ByteBuffer empty = ByteBuffer.allocate(61);
        org.apache.kafka.common.record.internal.DefaultRecordBatch.writeEmptyHeader(empty, RecordBatch.MAGIC_VALUE_V2,
            77L, (short) 1, 12, 100L, 105L, 4, TimestampType.CREATE_TIME, TIME, false, false);
        empty.flip();
        print("empty", MemoryRecords.readableRecords(empty));

        MemoryRecordsBuilder many = builder(Compression.NONE, TimestampType.CREATE_TIME, 0, -1L, (short) -1, -1, false);
        fill(many);
        System.out.println("CRC(\"many\", " + many.build().batches().iterator().next().checksum() + "u)");
        for (Compression compression : new Compression[] {Compression.gzip().build(), Compression.snappy().build(),
                                                          Compression.lz4().build(), Compression.zstd().build()}) {
            MemoryRecordsBuilder packed = builder(compression, TimestampType.CREATE_TIME, 0, -1L, (short) -1, -1, false);
            fill(packed);
            print(compression.type().name, packed);
        }
        for (String key : new String[] {"", "a", "ab", "abc", "abcd", "21", "foobar", "a-little-bit-long-string",
                                        "a-little-bit-longer-string", "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"})
            System.out.println("MURMUR(\"" + HexFormat.of().formatHex(bytes(key)) + "\", " + Utils.murmur2(bytes(key)) + ")");
        for (String id : new String[] {"", "a", "group", "console-consumer-81241", "polygenelubricants", "grüße",
                                       "日本", "x😀y"})
            System.out.println("HASH(\"" + HexFormat.of().formatHex(bytes(id)) + "\", " + id.hashCode() + "LL, " + Utils.abs(id.hashCode()) % 50 + ")");
    }
}
