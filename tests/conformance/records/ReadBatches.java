// Reads the batches that conformance_records prints, with Kafka's classes, and checks every record.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

public class ReadBatches {
    static String text(ByteBuffer buffer) {
        return buffer == null ? null : StandardCharsets.UTF_8.decode(buffer.duplicate()).toString();
    }

    static void check(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static String value(int i, int size) {
        StringBuilder value = new StringBuilder();
        while (value.length() < size + i % 7) value.append(i * 7919).append(' ');
        return value.substring(0, size + i % 7);
    }

    public static void main(String[] args) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        int batches = 0;
        long records = 0;
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split(" ");
            int count = Integer.parseInt(parts[0]);
            int size = Integer.parseInt(parts[1]);
            RecordBatch batch = MemoryRecords.readableRecords(ByteBuffer.wrap(HexFormat.of().parseHex(parts[2])))
                .batches().iterator().next();
            batch.ensureValid();
            String name = batch.compressionType() + " of " + count + " x " + size;
            check(batch.baseOffset() == 1000 && batch.lastOffset() == 1000 + count - 1, name + ": offsets");
            check(batch.countOrNull() == count, name + ": count");
            check(batch.maxTimestamp() == 1700000000000L + count - 1, name + ": max timestamp");
            int i = 0;
            for (Record record : batch) {
                check(record.offset() == 1000 + i, name + ": offset of record " + i);
                check(record.timestamp() == 1700000000000L + i, name + ": timestamp of record " + i);
                String key = "key-" + i;
                check((i % 5 == 4 ? null == text(record.key()) : key.equals(text(record.key()))), name + ": key of record " + i);
                check(value(i, size).equals(text(record.value())), name + ": value of record " + i);
                check(record.headers().length == (i % 3 == 0 ? 1 : 0), name + ": headers of record " + i);
                if (i % 3 == 0)
                    check(key.equals(new String(record.headers()[0].value(), StandardCharsets.UTF_8)), name + ": header of record " + i);
                i++;
                records++;
            }
            check(i == count, name + ": records");
            batches++;
        }
        System.out.println("conformance: Kafka read " + batches + " of our batches, " + records + " records");
        check(batches > 0, "no batches");
    }
}
