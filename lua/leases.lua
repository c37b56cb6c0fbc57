-- Purpose: how many units of a state are out on lease; the twin of packages/redis/src/state/leases.ts.
-- State: "epoch:granted:previous": the number of the ttl that now lies in, units granted in it and in the one before. Lives
--   for two ttls from its last write, when every lease in it is void.
-- Limit: of any that is leasable, by its terms: { key, ttl, ceiling } of a charge, { key, ttl, time of the grant } of a
--   give-back; ttl and time in µs.
-- Receipt: the limit's own; the client wraps it with the time of the grant and the ttl.
-- redis.calls: none; full.lua reads and writes.

local leases = {}

function leases.decode(text)
  local epoch, granted, previous = match(text, '^(%d+):(%d+):(%d+)$')
  epoch, granted, previous = integer(epoch), integer(granted), integer(previous)
  if epoch and granted and previous then
    return { epoch, granted, previous }
  end
  return nil
end

function leases.encode(state, terms, now)
  return format('%.0f:%.0f:%.0f', state[1], state[2], state[3]), cdiv(now + 2 * terms[2], 1000)
end

-- An epoch ahead of now is kept: a clock that steps back frees nothing.
function leases.read(state, terms, now)
  local epoch = fdiv(now, terms[2])
  if not state or state[1] < epoch - 1 then
    return { epoch, 0, 0 }
  end
  if state[1] == epoch - 1 then
    return { epoch, 0, state[2] }
  end
  return state
end

-- The units that a charge may take, or give back: nothing of a lease that is older than its ttl.
function leases.most(view, terms, now, cost)
  if cost > 0 then
    return max(0, terms[3] - view[2] - view[3])
  end
  local age = now - terms[3]
  return age >= 0 and age <= terms[2] and -cost or 0
end

-- The state after units were taken (or, below 0, given back).
function leases.count(view, terms, units)
  if units > 0 then
    return { view[1], min(MAX, view[2] + units), view[3] }
  end
  local epoch = fdiv(terms[3], terms[2])
  if epoch == view[1] then
    return { view[1], max(0, view[2] + units), view[3] }
  end
  if epoch == view[1] - 1 then
    return { view[1], view[2], max(0, view[3] + units) }
  end
  return view
end
