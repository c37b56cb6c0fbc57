-- Purpose: token bucket and leaky bucket. packages/core/src/algorithms/bucket.ts decides the same.
-- State: full, the time (µs) at which the bucket is full; rest, a remainder of credits; rate, the tokens of the limit that rest belongs to
--   (0 without a rest).
-- Limit: { 'b', id, tokens, period, burst, debt, queue, takenid, keep }: tokens per period (µs) in lowest terms, queue 0 or 1. The last two only of
--   a bucket that regions exchange: its second entry, as exchanged.lua describes it.
-- Receipt: { units } of a meter, {} for none; { units, full, rest, tokens, period } of a queue.
-- redis.calls: none; full.lua reads and writes.

algorithms.b = { isentry = true }

function algorithms.b.available(limit, state)
  local tokens, period, burst = limit[3], limit[4], limit[5]
  local missing, rest = deficitof(limit, state[1], state[2], state[3])
  local capacity = burst * period
  if missing > fdiv(capacity, tokens) then
    return 0
  end
  return fdiv(max(0, capacity - missing * tokens - rest), period)
end

function algorithms.b.charge(limit, state, cost, _, isforced)
  return newstate(chargebucket(limit, state[1], state[2], state[3], cost, isforced))
end

-- Whether a receipt is that of the last charge in the queue, and its turn has not come.
local function islastinqueue(limit, missing, rest, receipt)
  local tokens, period = limit[3], limit[4]
  local taken, full, remainder, takentokens, takenperiod = receipt[1], receipt[2], receipt[3], receipt[4], receipt[5]
  if full ~= micros + missing or remainder ~= rest or takentokens ~= tokens or takenperiod ~= period then
    return false
  end
  local credits = taken * period
  return missing > fdiv(credits, tokens) or missing * tokens + rest > credits
end

function algorithms.b.giveback(limit, state, units, receipt)
  local tokens, period, queue = limit[3], limit[4], limit[7]
  local missing, rest = deficitof(limit, state[1], state[2], state[3])
  local taken = receipt[1]
  if queue == 1 and not islastinqueue(limit, missing, rest, receipt) then
    return nil
  end
  if taken then
    units = min(units, taken)
  end
  if units < 1 or (missing == 0 and rest == 0) then
    return nil
  end
  local back = min(units, fdiv(MAX, period))
  local credits = back * period
  local missingafter = missing - fdiv(credits, tokens)
  local restafter = rest - credits % tokens
  if restafter < 0 then
    restafter = restafter + tokens
    missingafter = missingafter - 1
  end
  if missingafter < 0 then
    return { micros, 0, 0 }, fdiv(missing * tokens + rest, period)
  end
  return { micros + missingafter, restafter, restafter > 0 and tokens or 0 }, back
end

-- The units between two states.
local function unitsbetween(limit, before, after)
  local tokens, period = limit[3], limit[4]
  local missing, rest = deficitof(limit, before[1], before[2], before[3])
  local missingafter, restafter = deficitof(limit, after[1], after[2], after[3])
  return fdiv((missingafter - missing) * tokens + restafter - rest, period)
end

-- The second entry after units were taken or, below 0, given back; nil if none were ever taken. What a forced charge takes is bounded.
function algorithms.b.taken(limit, taken, units, before, after)
  if units > 0 then
    units = unitsbetween(limit, before, after)
  end
  local finish, count, birth = taken[1], taken[2], taken[3]
  if not finish or finish < micros then
    if units == 0 then
      return nil
    end
    count, birth = 0, micros
  end
  return { max(after[1], micros) + limit[9], count + units, birth }
end
