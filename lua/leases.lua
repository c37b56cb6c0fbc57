-- Purpose: counts the units of a state that are out on lease. packages/core/src/layers/leases/ledger.ts does the same without scripts.
-- State: a ledger, an entry like that of the state: the end (µs) of the epoch after the current one, the units granted in the current epoch
--   and in the one before. Epochs are numbered now / ttl, rounded down. A ledger ends when every lease in it has ended.
-- Limit: the terms of the lease. { key, ttl, ceiling } of a charge that asks for one, { key, ttl, since } of a charge that returns one. ttl
--   and since, the time of the grant, are in µs.
-- Receipt: that of the limit. The client wraps it with the time of the grant and the ttl.
-- redis.calls: none; full.lua reads and writes.

local leases = {}

-- The ledger in the epoch of now. One of a later epoch is kept, so that a clock that steps back frees no units. One that was written with
-- another ttl is rounded up, so that it frees none early.
function leases.read(ledger, terms)
  local finish, granted, previous = ledger[1] or 0, ledger[2] or 0, ledger[3] or 0
  local ttl = terms[2]
  local current, ends = (fdiv(micros, ttl) + 2) * ttl, cdiv(finish, ttl) * ttl
  if ends < current - ttl then
    return { current, 0, 0 }
  end
  if ends < current then
    return { current, 0, granted }
  end
  return { ends, granted, previous }
end

-- The most units that a charge may take, or give back. A lease older than its ttl gives nothing back: its units may have been spent.
function leases.most(ledger, terms, cost)
  if cost > 0 then
    local granted, previous, ceiling = ledger[2], ledger[3], terms[3]
    return max(0, ceiling - granted - previous)
  end
  local ttl, since = terms[2], terms[3]
  local age = micros - since
  return age >= 0 and age <= ttl and -cost or 0
end

-- The ledger after units were granted or, below 0, given back to the epoch of their grant.
function leases.count(ledger, terms, units)
  local finish, granted, previous = ledger[1], ledger[2], ledger[3]
  if units > 0 then
    return { finish, min(MAX, granted + units), previous }
  end
  local ttl, since = terms[2], terms[3]
  local grantedin, epoch = fdiv(since, ttl), fdiv(finish, ttl) - 2
  if grantedin == epoch then
    return { finish, max(0, granted + units), previous }
  end
  if grantedin == epoch - 1 then
    return { finish, granted, max(0, previous + units) }
  end
  return ledger
end
