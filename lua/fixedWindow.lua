-- Purpose: at most quantity units in each window. packages/core/src/algorithms/fixed-window.ts decides the same.
-- State: the end of the window (µs), the units counted in it, and 0.
-- Limit: { 'f', id, quantity, anchor, window }, window in ms, anchor 0 (the epoch) or 1 (the first charge); or { 'f', id, quantity, 2,
--   first, second, third, fourth } for calendar windows: the start (ms) of the window that the client expects, and of the three after it; or
--   { 'f', id, quantity, 3, first, second, third, end, latest, nextend, nextlatest } where the calendar depends on the request: of the first
--   two windows the end (ms) that names them in every calendar, and that of the latest window which another calendar can be in.
--   A limit that regions share has rights in place of the quantity, and the whole limit as the twelfth item; false for items that it lacks.
-- Receipt: { end of the window (µs), units }; {} for a credit, which gives back what is counted.
-- redis.calls: none; full.lua reads and writes.

algorithms.f = { isentry = true }

-- Whether the calendar windows were computed for the server's time.
function algorithms.f.isready(limit)
  return not limit[9]
end

function algorithms.f.available(limit, state)
  local quantity = limit[3]
  local _, count = rolledfixed(limit, state[1], state[2])
  return min(limit[12] or quantity, max(0, quantity - count))
end

function algorithms.f.charge(limit, state, cost, _, isforced)
  if exceeds(limit, cost, isforced) then
    return false
  end
  return newstate(chargefixed(limit, state[1], state[2], state[3], cost, isforced))
end

function algorithms.f.giveback(limit, state, units, receipt)
  local finish, count = rolledfixed(limit, state[1], state[2])
  local takenuntil, taken = receipt[1], receipt[2]
  local back = takenuntil == finish and min(units, taken, mostback(limit, count, true, MAX)) or 0
  if not takenuntil then
    back = min(units, mostback(limit, count, false, MAX))
  end
  if back < 1 then
    return nil
  end
  return { finish, count - back, 0 }, back
end
