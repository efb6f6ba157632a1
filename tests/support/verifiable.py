"""Apache Kafka's verifiable tools: a producer and a consumer that say what they do, one JSON object a line."""
import json
import subprocess
import threading

import penstock


class Tool:
    """One such tool as a process. Subclasses say in heard() what an event means to them."""

    def __init__(self, name, broker, *arguments):
        self.process = subprocess.Popen(
            ["java", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
             f"{penstock.KAFKA_LIBS}/*", f"org.apache.kafka.tools.{name}", "--bootstrap-server", broker.bootstrap,
             *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

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
