import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.RecordChangeEvent;
import io.debezium.engine.format.ChangeEventFormat;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.Future;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.source.SourceRecord;

/** Debezium's embedded engine with its outbox router; a batch counts as processed when Kafka has acknowledged all of it. */
public class Relay {
  public static void main(String[] args) throws Exception {
    KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(producerSettings(), new ByteArraySerializer(), new ByteArraySerializer());
    try (DebeziumEngine<RecordChangeEvent<SourceRecord>> engine =
        DebeziumEngine.create(ChangeEventFormat.of(Connect.class))
            .using(engineSettings())
            .notifying((List<RecordChangeEvent<SourceRecord>> events,
                DebeziumEngine.RecordCommitter<RecordChangeEvent<SourceRecord>> committer) -> {
              @SuppressWarnings("unchecked")
              Future<RecordMetadata>[] sent = new Future[events.size()];
              for (int i = 0; i < sent.length; i++) sent[i] = send(producer, events.get(i).record());
              producer.flush();
              for (int i = 0; i < sent.length; i++) {
                if (sent[i] != null) get(sent[i]);
                committer.markProcessed(events.get(i));
              }
              committer.markBatchFinished();
            })
            .build()) {
      engine.run();
    }
  }

  /** Heartbeats and the like are no events of the outbox: the router lets them pass as they are. */
  private static Future<RecordMetadata> send(KafkaProducer<byte[], byte[]> producer, SourceRecord record) {
    if (record.value() == null || record.value() instanceof Struct) return null;
    byte[] key = String.valueOf(record.key()).getBytes(StandardCharsets.UTF_8);
    return producer.send(new ProducerRecord<>(record.topic(), key, bytes(record.value())));
  }

  private static byte[] bytes(Object value) {
    if (value instanceof byte[] array) return array;
    ByteBuffer buffer = ((ByteBuffer) value).duplicate();
    byte[] array = new byte[buffer.remaining()];
    buffer.get(array);
    return array;
  }

  private static void get(Future<RecordMetadata> future) {
    try {
      future.get();
    } catch (Exception error) {
      throw new IllegalStateException(error);
    }
  }

  private static Properties producerSettings() {
    Properties settings = new Properties();
    settings.setProperty("bootstrap.servers", System.getenv("BROKERS"));
    settings.setProperty("acks", "all");
    settings.setProperty("enable.idempotence", "true");
    settings.setProperty("batch.size", "131072");
    settings.setProperty("linger.ms", "5");
    return settings;
  }

  private static Properties engineSettings() {
    URI database = URI.create(System.getenv("DATABASE_URL"));
    String name = database.getPath().substring(1);
    String[] user = database.getUserInfo().split(":");
    Properties settings = new Properties();
    settings.setProperty("name", "outbox");
    settings.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    settings.setProperty("offset.storage", "org.apache.kafka.connect.storage.FileOffsetBackingStore");
    settings.setProperty("offset.storage.file.filename", System.getenv("OFFSETS_FILE"));
    settings.setProperty("offset.flush.interval.ms", "1000");
    settings.setProperty("topic.prefix", "outbox");
    settings.setProperty("database.hostname", database.getHost());
    settings.setProperty("database.port", String.valueOf(database.getPort()));
    settings.setProperty("database.user", user[0]);
    settings.setProperty("database.password", user[1]);
    settings.setProperty("database.dbname", name);
    settings.setProperty("table.include.list", "public.outbox");
    settings.setProperty("plugin.name", "pgoutput");
    settings.setProperty("slot.name", name + "_slot");
    settings.setProperty("publication.name", name + "_publication");
    settings.setProperty("publication.autocreate.mode", "disabled");
    settings.setProperty("snapshot.mode", "no_data");
    settings.setProperty("tombstones.on.delete", "false");
    // Larger than the defaults (2,048 and 8,192), as its documentation advises for throughput.
    settings.setProperty("max.batch.size", "8192");
    settings.setProperty("max.queue.size", "32768");
    settings.setProperty("poll.interval.ms", "50");
    settings.setProperty("transforms", "outbox");
    settings.setProperty("transforms.outbox.type", "io.debezium.transforms.outbox.EventRouter");
    settings.setProperty("transforms.outbox.table.field.event.id", "event_id");
    settings.setProperty("transforms.outbox.table.field.event.key", "key");
    settings.setProperty("transforms.outbox.table.field.event.payload", "payload");
    settings.setProperty("transforms.outbox.route.by.field", "topic");
    settings.setProperty("transforms.outbox.route.topic.replacement", "${routedByValue}");
    return settings;
  }
}
