-- Feeds schema.sql by INSERT, such as from httpSink. These tables keep nothing: their views write what is inserted.
CREATE TABLE usage_in (
  minute UInt32, namespace String, tenant String, policy String, endpoint String, region String,
  tier String, mode String, verdict String, boot UUID, requests UInt64, units UInt64
) ENGINE = Null;

CREATE MATERIALIZED VIEW usage_insert TO usage_1m AS
SELECT toDateTime(minute, 'UTC') AS minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict, boot, requests, units
FROM usage_in;

CREATE TABLE decisions_in (
  id UUID, at UInt64, region String, instance String, namespace String, tenant String, policy String, limit String, tier String,
  mode String, verdict String, source String, endpoint String, method String, subject String, cost UInt64, remaining Int64,
  retry_after_ms Int64, latency_us UInt32, revision UInt64, weight Float64, trace_id String
) ENGINE = Null;

CREATE MATERIALIZED VIEW decisions_insert TO decisions AS
SELECT id, fromUnixTimestamp64Milli(at, 'UTC') AS at, region, instance, namespace, tenant, policy, limit AS limit_name, tier, mode, verdict,
  source, endpoint, method, subject, cost, remaining, retry_after_ms, latency_us, revision, weight, trace_id
FROM decisions_in;
