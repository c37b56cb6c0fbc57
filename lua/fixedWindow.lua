-- Purpose: at most L in each window; the twin of packages/core/src/algorithms/fixed-window.ts.
-- State: "start:count", ms and units; expires at the end of its window.
-- Limit: { 'f', L, anchor, W } with anchor 0 (epoch) or 1 (first charge); { 'f', L, 2, s0, s1, s2 } for a calendar: the
--   starts of the window that the client thinks it is, of the next and of the one after.
-- Receipt: { start, units }.
-- redis.calls: none; batch.lua reads and writes.

algorithms.f = {}

function algorithms.f.decode(text)
  local start, count = string.match(text, '^(-?%d+):(%d+)$')
  start, count = integer(start), integer(count)
  if start and count then
    return { start, count }
  end
  return nil
end

function algorithms.f.encode(state, limit)
  return string.format('%.0f:%.0f', state[1], state[2]), algorithms.f.finish(state[1], limit)
end

-- The end of the window that begins at start.
function algorithms.f.finish(start, limit)
  if limit[3] < 2 then
    return start + limit[4]
  end
  if start < limit[5] then
    return limit[5]
  end
  return limit[6]
end

-- Whether this limit can be decided now: a calendar that the client computed too long ago cannot.
function algorithms.f.ready(limit, now)
  local ms = fdiv(now, 1000)
  return limit[3] < 2 or (ms >= limit[4] and ms < limit[6])
end

-- From the first charge: a window in which nothing is counted has not begun.
function algorithms.f.sincefirst(state, window, ms)
  if not state or state[2] == 0 or ms >= state[1] + window then
    return { ms, 0 }
  end
  return state[1] - ms <= AHEAD and state or { ms, state[2] }
end

function algorithms.f.read(state, limit, now)
  local ms = fdiv(now, 1000)
  if limit[3] == 1 then
    return algorithms.f.sincefirst(state, limit[4], ms)
  end
  local start = limit[4]
  if limit[3] == 0 then
    start = ms - math.fmod(ms, limit[4])
  elseif ms >= limit[5] then
    start = limit[5]
  end
  if not state or state[1] < start then
    return { start, 0 }
  end
  if state[1] == start or state[1] - ms <= AHEAD then
    return state
  end
  return { start, state[2] }
end

function algorithms.f.room(view, limit)
  return math.max(0, limit[2] - view[2])
end

function algorithms.f.fits(view, limit, _, cost)
  return view[2] + cost <= limit[2]
end

function algorithms.f.take(view, _, _, cost)
  local count = math.min(MAX, view[2] + cost)
  return count > view[2] and { view[1], count } or nil
end

function algorithms.f.give(view, _, _, units, receipt)
  if receipt[1] ~= view[1] then
    return nil
  end
  local back = math.min(units, receipt[2], view[2])
  if back < 1 then
    return nil
  end
  return { view[1], view[2] - back }, back
end

function algorithms.f.met(state)
  return told(state)
end
