-- Purpose: at most L in each window; the twin of packages/core/src/algorithms/fixed-window.ts.
-- State: start (ms), count (units) and 0, as three doubles; expires at the end of its window.
-- Limit: { 'f', L, anchor, W } with anchor 0 (epoch) or 1 (first charge); { 'f', L, 2, s0, s1, s2 } for a calendar: the
--   starts of the window that the client thinks it is, of the next and of the one after.
-- Receipt: { start, units }.
-- redis.calls: none; full.lua reads and writes.

algorithms.f = {}

function algorithms.f.decode(text)
  local start, count = threeof(text)
  return start and { start, count }
end

function algorithms.f.encode(state, limit)
  return three(state[1], state[2], 0), finish(state[1], limit)
end

-- Whether this limit can be decided now: a calendar that the client computed too long ago cannot.
function algorithms.f.ready(limit, now)
  local ms = fdiv(now, 1000)
  return limit[3] < 2 or (ms >= limit[4] and ms < limit[6])
end

function algorithms.f.read(state, limit, now)
  local start, count
  if state then
    start, count = state[1], state[2]
  end
  return { fixedat(start, count, limit, fdiv(now, 1000)) }
end

function algorithms.f.room(view, limit)
  return max(0, limit[2] - view[2])
end

function algorithms.f.fits(view, limit, _, cost)
  return view[2] + cost <= limit[2]
end

function algorithms.f.take(view, _, _, cost)
  local count = min(MAX, view[2] + cost)
  return count > view[2] and { view[1], count } or nil
end

function algorithms.f.give(view, _, _, units, receipt)
  if receipt[1] ~= view[1] then
    return nil
  end
  local back = min(units, receipt[2], view[2])
  if back < 1 then
    return nil
  end
  return { view[1], view[2] - back }, back
end

function algorithms.f.met(state)
  return told(state)
end
