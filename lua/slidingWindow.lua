-- Purpose: at most quantity units in a window that slides, by the counts of two fixed windows.
--   packages/core/src/algorithms/sliding-window.ts decides the same.
-- State: the end of the window after the current one (µs), the units counted in the current window, and those in the window before.
-- Limit: { 's', id, quantity, window }, window in ms, quantity * window below 2^53.
--   A limit that regions share has rights in place of the quantity, and the whole limit as the twelfth item; false for items that it lacks.
-- Receipt: { end of the window after the one of the charge (µs), units }; {} for a credit, which gives back what is counted.
-- redis.calls: none; full.lua reads and writes.

algorithms.s = { isentry = true }

function algorithms.s.available(limit, state)
  local quantity = limit[3]
  local finish, count, previous = rolledsliding(limit, state[1], state[2], state[3])
  return min(limit[12] or quantity, max(0, quantity - count - weightof(limit, finish, previous)))
end

function algorithms.s.charge(limit, state, cost, _, isforced)
  if exceeds(limit, cost, isforced) then
    return false
  end
  return newstate(chargesliding(limit, state[1], state[2], state[3], cost, isforced))
end

function algorithms.s.giveback(limit, state, units, receipt)
  local window = limit[4]
  local finish, count, previous = rolledsliding(limit, state[1], state[2], state[3])
  local takenuntil, taken = receipt[1], receipt[2]
  local most = min(units, taken or MAX)
  local fromcount = (not takenuntil or takenuntil == finish) and min(most, mostback(limit, count, takenuntil ~= nil, fdiv(MAX, window))) or 0
  local fromprevious = takenuntil == finish - window * 1000 and min(most, previous) or 0
  if not takenuntil then
    fromprevious = limit[12] and 0 or min(most - fromcount, previous)
  end
  if fromcount + fromprevious < 1 then
    return nil
  end
  return { finish, count - fromcount, previous - fromprevious }, fromcount + fromprevious
end
