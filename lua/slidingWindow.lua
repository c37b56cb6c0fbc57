-- Purpose: at most quantity units in a window that slides, by the counts of two fixed windows.
--   packages/core/src/algorithms/sliding-window.ts decides the same.
-- State: start (ms), count and previous (units), as three doubles. Expires two windows after its start.
-- Limit: { 's', quantity, window }, window in ms, quantity * window below 2^53.
-- Receipt: { start, units }.
-- redis.calls: none; full.lua reads and writes.

algorithms.s = {}

function algorithms.s.decode(text)
  local start, count, previous = decodestate(text)
  return start and { start, count, previous }
end

function algorithms.s.encode(state, limit)
  local start, count, previous = state[1], state[2], state[3]
  local window = limit[3]
  return encodestate(start, count, previous), start + 2 * window
end

function algorithms.s.read(state, limit, micros)
  local window = limit[3]
  local start, count, previous
  if state then
    start, count, previous = state[1], state[2], state[3]
  end
  return { rolledwindow(start, count, previous, window, fdiv(micros, 1000)) }
end

local function slidingweight(view, limit, micros)
  local start, previous, window = view[1], view[3], limit[3]
  return weightof(start, previous, window, fdiv(micros, 1000))
end

function algorithms.s.available(view, limit, micros)
  local count, quantity = view[2], limit[2]
  return max(0, quantity - count - slidingweight(view, limit, micros))
end

function algorithms.s.admits(view, limit, micros, cost)
  local count, quantity = view[2], limit[2]
  return count + cost + slidingweight(view, limit, micros) <= quantity
end

function algorithms.s.take(view, limit, _, cost)
  local start, count, previous = view[1], view[2], view[3]
  local window = limit[3]
  -- A larger count would not stay exact when it is weighed.
  local after = min(fdiv(MAX, window), count + cost)
  return after > count and { start, after, previous } or nil
end

function algorithms.s.giveback(view, limit, _, units, receipt)
  local start, count, previous = view[1], view[2], view[3]
  local window = limit[3]
  local takenfrom, taken = receipt[1], receipt[2]
  local most = min(units, taken)
  if takenfrom == start then
    local back = min(most, count)
    if back < 1 then
      return nil
    end
    return { start, count - back, previous }, back
  end
  if takenfrom == start - window then
    local back = min(most, previous)
    if back < 1 then
      return nil
    end
    return { start, count, previous - back }, back
  end
  return nil
end

function algorithms.s.toreply(state)
  return numbersinreply(state)
end
