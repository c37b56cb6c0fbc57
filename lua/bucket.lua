-- Purpose: token bucket and leaky bucket. packages/core/src/algorithms/bucket.ts decides the same.
-- State: full, the time (µs) at which the bucket is full; rest, a remainder of credits; rate, the tokens of the limit that rest belongs to
--   (0 without a rest). Three doubles. Expires when it is full.
-- Limit: { 'b', tokens, period, burst, debt, queue }: tokens per period (µs) in lowest terms, queue 0 or 1.
-- Receipt: { units } of a meter, {} for none; { units, full, rest, tokens, period } of a queue.
-- redis.calls: none; full.lua reads and writes.

algorithms.b = {}

function algorithms.b.decode(text)
  local full, rest, rate = decodestate(text)
  return full and (rest == 0 or rest < rate) and { full, rest, rate } or nil
end

function algorithms.b.encode(state)
  local full, rest, rate, expiry = bucketstate(state[1], state[2], state[3])
  return encodestate(full, rest, rate), expiry
end

function algorithms.b.read(state, limit, micros)
  local full, rest, rate
  if state then
    full, rest, rate = state[1], state[2], state[3]
  end
  return { deficitof(full, rest, rate, limit, micros) }
end

function algorithms.b.available(view, limit)
  local missing, rest = view[1], view[2]
  local tokens, period, burst = limit[2], limit[3], limit[4]
  local capacity = burst * period
  if missing > fdiv(capacity, tokens) then
    return 0
  end
  return fdiv(max(0, capacity - missing * tokens - rest), period)
end

function algorithms.b.admits(view, limit, _, cost)
  local missing, rest = view[1], view[2]
  return bucketadmits(missing, rest, limit, cost)
end

function algorithms.b.take(view, limit, micros, cost)
  local missing, rest = view[1], view[2]
  local tokens = limit[2]
  local full, left = drained(missing, rest, limit, micros, cost)
  return full and { full, left, tokens }
end

-- Whether a receipt is that of the last charge in the queue, and its turn has not come.
local function islastinqueue(view, limit, micros, receipt)
  local missing, rest = view[1], view[2]
  local tokens, period = limit[2], limit[3]
  local taken, full, remainder, takentokens, takenperiod = receipt[1], receipt[2], receipt[3], receipt[4], receipt[5]
  if full ~= micros + missing or remainder ~= rest or takentokens ~= tokens or takenperiod ~= period then
    return false
  end
  local credits = taken * period
  return missing > fdiv(credits, tokens) or missing * tokens + rest > credits
end

function algorithms.b.giveback(view, limit, micros, units, receipt)
  local missing, rest = view[1], view[2]
  local tokens, period, queue = limit[2], limit[3], limit[6]
  local taken = receipt[1]
  if queue == 1 and not islastinqueue(view, limit, micros, receipt) then
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
    return { micros, 0, tokens }, fdiv(missing * tokens + rest, period)
  end
  return { micros + missingafter, restafter, tokens }, back
end

function algorithms.b.toreply(state)
  return numbersinreply(state)
end
