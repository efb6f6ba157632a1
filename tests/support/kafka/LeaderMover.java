import java.util.*;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.errors.*;

// Moves leaders by what kafka-reassign-partitions and kafka-leader-election do, without a JVM for each: the replicas of a
// partition are put in another order, then the first one is elected. Each line of the standard input is
// `TOPIC PARTITION REPLICA,REPLICA,...`; the answer is a line `ok`, or why not.
public class LeaderMover {
    public static void main(String[] arguments) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", arguments[0], "default.api.timeout.ms", "60000"));
             Scanner lines = new Scanner(System.in)) {
            while (lines.hasNextLine()) {
                String[] words = lines.nextLine().split(" ");
                TopicPartition partition = new TopicPartition(words[0], Integer.parseInt(words[1]));
                List<Integer> replicas = Arrays.stream(words[2].split(",")).map(Integer::parseInt).toList();
                System.out.println(move(admin, partition, replicas));
                System.out.flush();
            }
        }
    }

    private static String move(Admin admin, TopicPartition partition, List<Integer> replicas) throws Exception {
        try {
            admin.alterPartitionReassignments(
                Map.of(partition, Optional.of(new NewPartitionReassignment(replicas)))).all().get();
            admin.electLeaders(ElectionType.PREFERRED, Set.of(partition)).all().get();
            return "ok";
        } catch (ExecutionException e) {
            return e.getCause() instanceof ElectionNotNeededException ? "ok" : e.getCause().toString();
        }
    }
}
