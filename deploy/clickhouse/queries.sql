-- Share of requests that were refused, by tenant, endpoint and region, in the last hour. Exact. policy = '' counts each request once.
SELECT tenant, endpoint, region, sum(requests) AS total, sumIf(requests, verdict IN ('refused', 'blocked')) / total AS throttled
FROM usage_by_minute
WHERE namespace = {namespace:String} AND policy = '' AND mode = 'enforce' AND minute >= {now:DateTime('UTC')} - INTERVAL 1 HOUR
GROUP BY tenant, endpoint, region ORDER BY throttled DESC, total DESC LIMIT 50;

-- Subjects that were refused most in the last day. Estimated from sampled decisions.
SELECT subject, policy, sum(refused) AS refusals, sum(blocked) AS blocks
FROM violators_by_hour
WHERE namespace = {namespace:String} AND mode = 'enforce' AND hour >= {now:DateTime('UTC')} - INTERVAL 1 DAY
GROUP BY subject, policy ORDER BY refusals DESC, subject LIMIT 20;

-- Share of its requests that each policy in shadow would refuse, in the last day. Exact.
SELECT policy, sum(requests) AS total, sumIf(requests, verdict = 'refused') / total AS would_refuse
FROM usage_by_minute
WHERE namespace = {namespace:String} AND policy != '' AND mode = 'shadow' AND minute >= {now:DateTime('UTC')} - INTERVAL 1 DAY
GROUP BY policy ORDER BY would_refuse DESC;

-- Admitted subjects nearest to a limit in the last 10 minutes. From sampled decisions.
SELECT subject, policy, limit_name, min(remaining) AS least_left, sum(weight) AS decisions_estimated
FROM decisions_once
WHERE namespace = {namespace:String} AND mode = 'enforce' AND verdict = 'allowed' AND remaining >= 0
  AND at >= {now:DateTime('UTC')} - INTERVAL 10 MINUTE
GROUP BY subject, policy, limit_name ORDER BY least_left ASC, decisions_estimated DESC LIMIT 20;

-- Requests and units of each tenant by day, for the last 30 days. Exact.
SELECT toDate(hour) AS day, tenant, sum(requests) AS total, sumIf(units, verdict = 'allowed') AS units_granted
FROM usage_by_hour
WHERE namespace = {namespace:String} AND policy = '' AND hour >= {now:DateTime('UTC')} - INTERVAL 30 DAY
GROUP BY day, tenant ORDER BY day, tenant;
