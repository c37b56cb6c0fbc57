-- Events and usage of Sluice in ClickHouse. Tested on ClickHouse 26.9 by packages/telemetry/test/clickhouse.
-- Statements end with a semicolon at the end of a line. Read tables through the views, which count nothing twice.

-- One row for each sampled decision. A sink may deliver an event twice, with the same id.
CREATE TABLE decisions (
  id UUID,
  at DateTime64(3, 'UTC'),
  region LowCardinality(String),
  instance String,
  namespace LowCardinality(String),
  tenant String,
  policy LowCardinality(String),
  limit_name LowCardinality(String),
  tier LowCardinality(String),
  mode LowCardinality(String),
  verdict LowCardinality(String),
  source LowCardinality(String),
  endpoint LowCardinality(String),
  method LowCardinality(String),
  subject String CODEC(ZSTD),
  cost UInt64,
  -- -1: no limit applied.
  remaining Int64,
  -- -1: the request would never be admitted.
  retry_after_ms Int64,
  latency_us UInt32,
  revision UInt64,
  weight Float64,
  trace_id String,
  INDEX by_subject subject TYPE bloom_filter GRANULARITY 4
) ENGINE = ReplacingMergeTree
PARTITION BY toDate(at)
ORDER BY (namespace, policy, toStartOfHour(at), tenant, at, id)
TTL toDateTime(at) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

-- Until a merge, both rows of an event that was delivered twice are there.
CREATE VIEW decisions_once AS SELECT * FROM decisions FINAL;

-- Counts of one process and minute, which grow within the minute. A row may arrive late, twice or out of order: the largest value of one
-- key, minute and boot is the last one. `policy` is '' for the row that counts each request once. A row a process and minute is too much to
-- keep for long.
CREATE TABLE usage_1m (
  minute DateTime('UTC'),
  namespace LowCardinality(String),
  tenant String,
  policy LowCardinality(String),
  endpoint LowCardinality(String),
  region LowCardinality(String),
  tier LowCardinality(String),
  mode LowCardinality(String),
  verdict LowCardinality(String),
  boot UUID,
  requests SimpleAggregateFunction(max, UInt64),
  units SimpleAggregateFunction(max, UInt64)
) ENGINE = AggregatingMergeTree
PARTITION BY toDate(minute)
ORDER BY (namespace, minute, policy, tenant, endpoint, region, tier, mode, verdict, boot)
TTL minute + INTERVAL 8 DAY
SETTINGS ttl_only_drop_parts = 1;

-- A plain sum over usage_1m counts rows twice that are not merged yet.
CREATE VIEW usage_by_minute AS
SELECT minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict, sum(final_requests) AS requests, sum(final_units) AS units
FROM (
  SELECT minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict, boot, max(requests) AS final_requests, max(units) AS final_units
  FROM usage_1m
  GROUP BY minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict, boot
)
GROUP BY minute, namespace, tenant, policy, endpoint, region, tier, mode, verdict;

-- Without `boot`, and kept for 13 months. refill.sql writes the last hours again and again: the newest fill of an hour counts.
CREATE TABLE usage_1h (
  hour DateTime('UTC'),
  namespace LowCardinality(String),
  tenant String,
  policy LowCardinality(String),
  endpoint LowCardinality(String),
  region LowCardinality(String),
  tier LowCardinality(String),
  mode LowCardinality(String),
  verdict LowCardinality(String),
  requests UInt64,
  units UInt64,
  filled_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(filled_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (namespace, hour, policy, tenant, endpoint, region, tier, mode, verdict)
TTL hour + INTERVAL 13 MONTH;

CREATE VIEW usage_by_hour AS SELECT * EXCEPT filled_at FROM usage_1h FINAL;

-- Refused subjects by hour. Estimates: sums of `weight`, since events are a sample.
CREATE TABLE violators_1h (
  hour DateTime('UTC'),
  namespace LowCardinality(String),
  tenant String,
  policy LowCardinality(String),
  mode LowCardinality(String),
  subject String,
  refused Float64,
  blocked Float64,
  filled_at DateTime64(3, 'UTC')
) ENGINE = ReplacingMergeTree(filled_at)
PARTITION BY toYYYYMM(hour)
ORDER BY (namespace, hour, policy, mode, subject, tenant)
TTL hour + INTERVAL 90 DAY;

CREATE VIEW violators_by_hour AS SELECT * EXCEPT filled_at FROM violators_1h FINAL;
