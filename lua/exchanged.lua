-- Purpose: the second entry of buckets that regions exchange: the units that this region took. takenAfter of packages/regions/src/buckets.ts does
--   the same. For fast.lua; bucket.lua does it for full.lua.
-- KEYS, ARGV, reply: see fast.lua.
-- Limit: { 'x', id, tokens, period, burst, debt, queue }, a bucket as bucket.lua describes it; and behind it in its set { 't', id, keep }, its
--   second entry, with the cost of the bucket. keep (µs): how much longer than the bucket takes to fill it lives.
-- State of 't': until when it counts (µs), units taken less units given back, and when the first was taken (µs).
-- redis.calls: none.

-- When the bucket that was charged last is full (µs).
local fullat = 0

function charge.x(limit, full, rest, rate, cost, isforced)
  local isadmitted, first, second, third = chargebucket(limit, full, rest, rate, cost, isforced)
  fullat = first
  return isadmitted, first, second, third
end

function charge.t(limit, finish, units, birth, cost)
  if not finish or finish < micros then
    units, birth = 0, micros
  end
  return true, fullat + limit[3], units + cost, birth
end
