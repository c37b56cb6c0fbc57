-- Purpose: at most quantity units in each window. packages/core/src/algorithms/fixed-window.ts decides the same.
-- State: start (ms), count (units) and 0, as three doubles. Expires at the end of its window.
-- Limit: { 'f', quantity, anchor, window }, window in ms, anchor 0 (the epoch) or 1 (the first charge); or { 'f', quantity, 2, first,
--   second, third } for calendar windows: the start of the window that the client expects, and of the two after it.
-- Receipt: { start, units }.
-- redis.calls: none; full.lua reads and writes.

algorithms.f = {}

function algorithms.f.decode(text)
  local start, count = decodestate(text)
  return start and { start, count }
end

function algorithms.f.encode(state, limit)
  local start, count = state[1], state[2]
  return encodestate(start, count, 0), fixedend(start, limit)
end

-- A client whose clock is wrong computes calendar windows that do not contain the server's time.
function algorithms.f.isready(limit, micros)
  local anchor = limit[3]
  if anchor ~= CALENDAR then
    return true
  end
  local first, third = limit[4], limit[6]
  local ms = fdiv(micros, 1000)
  return ms >= first and ms < third
end

function algorithms.f.read(state, limit, micros)
  local start, count
  if state then
    start, count = state[1], state[2]
  end
  return { rolledfixed(start, count, limit, fdiv(micros, 1000)) }
end

function algorithms.f.available(view, limit)
  local count, quantity = view[2], limit[2]
  return max(0, quantity - count)
end

function algorithms.f.admits(view, limit, _, cost)
  local count, quantity = view[2], limit[2]
  return count + cost <= quantity
end

function algorithms.f.take(view, _, _, cost)
  local start, count = view[1], view[2]
  local after = min(MAX, count + cost)
  return after > count and { start, after } or nil
end

function algorithms.f.giveback(view, _, _, units, receipt)
  local start, count = view[1], view[2]
  local takenfrom, taken = receipt[1], receipt[2]
  if takenfrom ~= start then
    return nil
  end
  local back = min(units, taken, count)
  if back < 1 then
    return nil
  end
  return { start, count - back }, back
end

function algorithms.f.toreply(state)
  return numbersinreply(state)
end
