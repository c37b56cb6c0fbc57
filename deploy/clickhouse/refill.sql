-- Run it every 10 minutes, with `now`. It may run twice, or later: the newest fill of an hour counts. An hour is filled for 3 hours after its
-- end. What arrives later is in usage_1m and decisions only.
INSERT INTO usage_1h
SELECT toStartOfHour(minute) AS hour, namespace, tenant, policy, endpoint, region, tier, mode, verdict, sum(requests), sum(units), now64(3)
FROM usage_by_minute
WHERE minute >= toStartOfHour({now:DateTime('UTC')} - INTERVAL 3 HOUR)
GROUP BY hour, namespace, tenant, policy, endpoint, region, tier, mode, verdict;

INSERT INTO violators_1h
SELECT toStartOfHour(at) AS hour, namespace, tenant, policy, mode, subject,
  sumIf(weight, verdict = 'refused') AS refused, sumIf(weight, verdict = 'blocked') AS blocked, now64(3)
FROM decisions_once
WHERE at >= toStartOfHour({now:DateTime('UTC')} - INTERVAL 3 HOUR) AND verdict IN ('refused', 'blocked') AND subject != ''
GROUP BY hour, namespace, tenant, policy, mode, subject;
