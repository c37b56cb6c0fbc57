-- Purpose: two counts that weigh the window before; the twin of packages/core/src/algorithms/sliding-window.ts.
-- State: start (ms), count and previous (units), as three doubles; expires two windows after its start.
-- Limit: { 's', L, W }, W in ms, L * W below 2^53.
-- Receipt: { start, units }.
-- redis.calls: none; full.lua reads and writes.

algorithms.s = {}

function algorithms.s.decode(text)
  local start, count, previous = threeof(text)
  return start and { start, count, previous }
end

function algorithms.s.encode(state, limit)
  return three(state[1], state[2], state[3]), state[1] + 2 * limit[3]
end

function algorithms.s.read(state, limit, now)
  local start, count, previous
  if state then
    start, count, previous = state[1], state[2], state[3]
  end
  return { slid(start, count, previous, limit[3], fdiv(now, 1000)) }
end

function algorithms.s.weight(view, limit, now)
  return slidingweight(view[1], view[3], limit[3], fdiv(now, 1000))
end

function algorithms.s.room(view, limit, now)
  return max(0, limit[2] - view[2] - algorithms.s.weight(view, limit, now))
end

function algorithms.s.fits(view, limit, now, cost)
  return view[2] + cost + algorithms.s.weight(view, limit, now) <= limit[2]
end

function algorithms.s.take(view, limit, _, cost)
  local count = min(fdiv(MAX, limit[3]), view[2] + cost)
  return count > view[2] and { view[1], count, view[3] } or nil
end

function algorithms.s.give(view, limit, _, units, receipt)
  local most = min(units, receipt[2])
  if receipt[1] == view[1] then
    local back = min(most, view[2])
    if back < 1 then
      return nil
    end
    return { view[1], view[2] - back, view[3] }, back
  end
  if receipt[1] == view[1] - limit[3] then
    local back = min(most, view[3])
    if back < 1 then
      return nil
    end
    return { view[1], view[2], view[3] - back }, back
  end
  return nil
end

function algorithms.s.met(state)
  return told(state)
end
