-- Purpose: two counts that weigh the window before; the twin of packages/core/src/algorithms/sliding-window.ts.
-- State: "start:count:previous", ms and units; expires two windows after its start.
-- Limit: { 's', L, W }, W in ms, L * W below 2^53.
-- Receipt: { start, units }.
-- redis.calls: none; batch.lua reads and writes.

algorithms.s = {}

function algorithms.s.decode(text)
  local start, count, previous = string.match(text, '^(-?%d+):(%d+):(%d+)$')
  start, count, previous = integer(start), integer(count), integer(previous)
  if start and count and previous then
    return { start, count, previous }
  end
  return nil
end

function algorithms.s.encode(state, limit)
  return string.format('%.0f:%.0f:%.0f', state[1], state[2], state[3]), state[1] + 2 * limit[3]
end

function algorithms.s.read(state, limit, now)
  local ms, window = fdiv(now, 1000), limit[3]
  local start = ms - math.fmod(ms, window)
  if not state or state[1] < start - window then
    return { start, 0, 0 }
  end
  if state[1] == start then
    return state
  end
  if state[1] < start then
    return { start, 0, state[2] }
  end
  if state[1] - ms <= AHEAD then
    return state
  end
  return { start, state[2], state[3] }
end

-- What the window before still weighs; a window ahead of now is held at its beginning.
function algorithms.s.weight(view, limit, now)
  local elapsed = math.max(0, fdiv(now, 1000) - view[1])
  return cdiv(view[3] * (limit[3] - elapsed), limit[3])
end

function algorithms.s.room(view, limit, now)
  return math.max(0, limit[2] - view[2] - algorithms.s.weight(view, limit, now))
end

function algorithms.s.fits(view, limit, now, cost)
  return view[2] + cost + algorithms.s.weight(view, limit, now) <= limit[2]
end

function algorithms.s.take(view, limit, _, cost)
  local count = math.min(fdiv(MAX, limit[3]), view[2] + cost)
  return count > view[2] and { view[1], count, view[3] } or nil
end

function algorithms.s.give(view, limit, _, units, receipt)
  local most = math.min(units, receipt[2])
  if receipt[1] == view[1] then
    local back = math.min(most, view[2])
    if back < 1 then
      return nil
    end
    return { view[1], view[2] - back, view[3] }, back
  end
  if receipt[1] == view[1] - limit[3] then
    local back = math.min(most, view[3])
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
