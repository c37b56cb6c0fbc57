-- Purpose: token bucket and leaky bucket; the twin of packages/core/src/algorithms/bucket.ts.
-- State: F, the instant (µs) at which the bucket is full, a remainder of r credits, and the N they are of (0 when r is), as
--   three doubles. Expires at F.
-- Limit: { 'b', N, P, burst, debt, queue } with N tokens per P µs in lowest terms, queue 0 or 1.
-- Receipt: { units } of a meter, {} for none; { units, F, r, N, P } of a queue.
-- redis.calls: none; full.lua reads and writes.

algorithms.b = {}

function algorithms.b.decode(text)
  local full, rest, rate = threeof(text)
  return full and (rest == 0 or rest < rate) and { full, rest, rate } or nil
end

function algorithms.b.encode(state)
  local full, rest, rate, at = bucketstate(state[1], state[2], state[3])
  return three(full, rest, rate), at
end

function algorithms.b.read(state, limit, now)
  local full, rest, rate
  if state then
    full, rest, rate = state[1], state[2], state[3]
  end
  return { deficit(full, rest, rate, limit, now) }
end

function algorithms.b.room(view, limit)
  local n, p = limit[2], limit[3]
  local cap = limit[4] * p
  if view[1] > fdiv(cap, n) then
    return 0
  end
  return fdiv(max(0, cap - view[1] * n - view[2]), p)
end

function algorithms.b.fits(view, limit, _, cost)
  return bucketfits(view[1], view[2], limit, cost)
end

function algorithms.b.take(view, limit, now, cost)
  local full, rest = drained(view[1], view[2], limit, now, cost)
  return full and { full, rest, limit[2] }
end

function algorithms.b.give(view, limit, now, units, receipt)
  local n, p = limit[2], limit[3]
  if limit[6] == 1 then
    -- Only the last in the queue, and only while its turn has not come.
    local last = receipt[2] == now + view[1] and receipt[3] == view[2] and receipt[4] == n and receipt[5] == p
    local own = receipt[1] * p
    if not last or not (view[1] > fdiv(own, n) or view[1] * n + view[2] > own) then
      return nil
    end
  end
  if receipt[1] then
    units = min(units, receipt[1])
  end
  if units < 1 or (view[1] == 0 and view[2] == 0) then
    return nil
  end
  local back = min(units, fdiv(MAX, p))
  local credits = back * p
  local missing = view[1] - fdiv(credits, n)
  local rest = view[2] - credits % n
  if rest < 0 then
    rest = rest + n
    missing = missing - 1
  end
  if missing < 0 then
    return { now, 0, n }, fdiv(view[1] * n + view[2], p)
  end
  return { now + missing, rest, n }, back
end

function algorithms.b.met(state)
  return told(state)
end
