"""Moves leaders as an administrator does, by kafka/LeaderMover.java with Kafka's own Admin client."""
import pathlib
import subprocess

import penstock
import safety

SOURCE = pathlib.Path(__file__).parent / "kafka" / "LeaderMover.java"


class LeaderMover:
    """One JVM for as many moves as are wanted; `bootstrap` is only where it begins, `prefix` what runs it elsewhere."""

    def __init__(self, bootstrap, prefix=()):
        self.process = subprocess.Popen(
            [*prefix, "java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
             f"{penstock.KAFKA_LIBS}/*", SOURCE, bootstrap], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def order(self, topic, partition, replicas):
        """Puts the replicas in this order and elects the first; tells `ok` or why not."""
        self.process.stdin.write(f"{topic} {partition} {','.join(map(str, replicas))}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def move(self, broker, topic, partition, replicas, seconds=60):
        """Until the first of `replicas` leads. A replica that is not in sync yet is asked for again."""
        answers = []

        def moved():
            if safety.describe(broker, topic)[partition][0] == replicas[0]:
                return True
            answers.append(self.order(topic, partition, replicas))
            return False
        safety.wait_and_tell(moved, seconds, lambda: f"{replicas[0]} leads {topic}-{partition}: {answers}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
