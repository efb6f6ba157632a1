"""Apache Kafka's verifiable tools: a producer and a consumer that say what they do, one JSON object a line."""
import json
import pathlib
import subprocess
import threading
import time

import penstock


class Tool:
    """One such tool as a process. Subclasses say in heard() what an event means to them."""

    def __init__(self, name, broker, *arguments):
        self.process = subprocess.Popen(self.command(name, broker, *arguments), stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def command(self, name, broker, *arguments):
        return ["java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                f"{penstock.KAFKA_LIBS}/*", f"org.apache.kafka.tools.{name}", "--bootstrap-server", broker.bootstrap,
                *arguments]

    def _read(self):
        for line in self.process.stdout:
            self.heard(json.loads(line))

    def heard(self, event):
        raise NotImplementedError

    def stop(self, seconds=30):
        """Lets it end what it is doing."""
        self.process.terminate()
        self._wait(seconds)

    def kill(self):
        self.process.kill()
        self._wait(None)

    def _wait(self, seconds):
        self.process.wait(seconds)
        self.reader.join()
        self.process.stdout.close()


# What the producer says of the one record that it was about to send when it was asked to end.
CLOSED = "Producer closed while send in progress"


class Writer(Tool):
    """An idempotent producer with acks=all and the client's default retries. Of each acknowledged record it keeps
    value, partition and offset, and when it heard of it."""
    settings = ("retries=2147483647\nenable.idempotence=true\nacks=all\ndelivery.timeout.ms=120000\n"
                "request.timeout.ms=10000\nlinger.ms=1\n")

    def __init__(self, broker, topic, directory, records_per_second, *arguments):
        config = pathlib.Path(directory) / "producer.properties"
        config.write_text(self.settings)
        self.acked = []
        self.acked_at = []
        self.failed = []
        self.is_stopping = False
        super().__init__("VerifiableProducer", broker, "--topic", topic, "--throughput", str(records_per_second),
                         "--command-config", str(config), *arguments)

    def heard(self, event):
        if event["name"] == "producer_send_success":
            self.acked_at.append(time.monotonic())
            self.acked.append((event["value"], event["partition"], event["offset"]))
        elif event["name"] == "producer_send_error" and not (self.is_stopping and CLOSED in event["message"]):
            self.failed.append(event)

    def stop(self, seconds=150):
        self.is_stopping = True
        super().stop(seconds)  # It flushes what is in flight.
