-- Feeds schema.sql from Kafka. Replace the broker list. The columns of the queues are the fields of the messages.
CREATE TABLE usage_queue (
  minute UInt32, namespace String, tenant String, policy String, endpoint String, region String,
  tier String, mode String, verdict String, boot UUID, requests UInt64, units UInt64
) ENGINE = Kafka
SETTINGS kafka_broker_list = 'kafka:9092', kafka_topic_list = 'sluice.usage.v1', kafka_group_name = 'clickhouse-usage',
  kafka_format = 'JSONEachRow', kafka_handle_error_mode = 'stream';

-- With 'stream', a message that cannot be parsed is a row of defaults with _error set. Without it, such a message stops the topic.
CREATE MATERIALIZED VIEW usage_feed TO usage_1m AS
SELECT toDateTime(minute, 'UTC') AS minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict, boot, requests, units
FROM usage_queue WHERE length(_error) = 0;

CREATE TABLE decisions_queue (
  id UUID, at UInt64, region String, instance String, namespace String, tenant String, policy String, limit String, tier String,
  mode String, verdict String, source String, endpoint String, method String, subject String, cost UInt64, remaining Int64,
  retry_after_ms Int64, latency_us UInt32, revision UInt64, weight Float64, trace_id String
) ENGINE = Kafka
SETTINGS kafka_broker_list = 'kafka:9092', kafka_topic_list = 'sluice.decisions.v1', kafka_group_name = 'clickhouse-decisions',
  kafka_format = 'JSONEachRow', kafka_handle_error_mode = 'stream';

-- `at` is ms since the epoch. LIMIT is a keyword, so the column has another name.
CREATE MATERIALIZED VIEW decisions_feed TO decisions AS
SELECT id, fromUnixTimestamp64Milli(at, 'UTC') AS at, region, instance, namespace, tenant, policy, limit AS limit_name, tier, mode, verdict,
  source, endpoint, method, subject, cost, remaining, retry_after_ms, latency_us, revision, weight, trace_id
FROM decisions_queue WHERE length(_error) = 0;
