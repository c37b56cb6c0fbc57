-- Purpose: token bucket and leaky bucket; the twin of packages/core/src/algorithms/bucket.ts.
-- State: F, the instant (µs) at which the bucket is full; "F:r:N" when it has a remainder of r credits. Expires at F.
-- Limit: { 'b', N, P, burst, debt, queue } with N tokens per P µs in lowest terms, queue 0 or 1.
-- Receipt: { units } of a meter, {} for none; { units, F, r, N, P } of a queue.
-- redis.calls: none; batch.lua reads and writes.

algorithms.b = {}

function algorithms.b.decode(text)
  local full = integer(text)
  if full then
    return { full, 0, 0 }
  end
  local rest, rate
  full, rest, rate = string.match(text, '^(%d+):(%d+):(%d+)$')
  full, rest, rate = integer(full), integer(rest), integer(rate)
  if full and rest and rate and rest < rate then
    return { full, rest, rate }
  end
  return nil
end

function algorithms.b.encode(state)
  if state[2] == 0 then
    return string.format('%.0f', state[1]), cdiv(state[1], 1000)
  end
  return string.format('%.0f:%.0f:%.0f', state[1], state[2], state[3]), cdiv(state[1] + 1, 1000)
end

-- { f, r } under this limit: the deficit is f * N + r credits; f has no bound after a step back of the clock.
function algorithms.b.read(state, limit, now)
  if not state or state[1] < now then
    return { 0, 0 }
  end
  local missing = state[1] - now
  if state[2] == 0 or state[3] == limit[2] then
    return { missing, state[2] }
  end
  return { missing + 1, 0 }
end

function algorithms.b.room(view, limit)
  local n, p = limit[2], limit[3]
  local cap = limit[4] * p
  if view[1] > fdiv(cap, n) then
    return 0
  end
  return fdiv(math.max(0, cap - view[1] * n - view[2]), p)
end

function algorithms.b.fits(view, limit, _, cost)
  if cost > limit[4] then
    return false
  end
  local n = limit[2]
  local spare = limit[4] * limit[3] - cost * limit[3] - view[2]
  if spare < 0 then
    return view[1] + cdiv(-spare, n) <= 0
  end
  return view[1] <= fdiv(spare, n)
end

function algorithms.b.take(view, limit, now, cost)
  local n, p = limit[2], limit[3]
  local most = (limit[4] + limit[5]) * p
  if view[1] > fdiv(most, n) then
    return nil
  end
  local met = view[1] * n + view[2]
  if met >= most then
    return nil
  end
  local credits = math.min(cost, limit[4] + limit[5]) * p
  local deficit = credits > most - met and most or met + credits
  return { now + fdiv(deficit, n), math.fmod(deficit, n), n }
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
    units = math.min(units, receipt[1])
  end
  if units < 1 or (view[1] == 0 and view[2] == 0) then
    return nil
  end
  local back = math.min(units, fdiv(MAX, p))
  local credits = back * p
  local missing = view[1] - fdiv(credits, n)
  local rest = view[2] - math.fmod(credits, n)
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
