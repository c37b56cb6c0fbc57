-- Purpose: counts the units of a state that are out on lease. packages/redis/src/state/leases.ts does the same without scripts.
-- State: a ledger "epoch:granted:previous": the current epoch (now / ttl, rounded down), the units granted in it and in the one before.
--   Expires two ttls after its last write, when every lease in it has ended.
-- Limit: the terms of the lease. { key, ttl, ceiling } of a charge that asks for one, { key, ttl, since } of a charge that returns one. ttl
--   and since, the time of the grant, are in µs.
-- Receipt: that of the limit. The client wraps it with the time of the grant and the ttl.
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

function leases.encode(ledger, terms, micros)
  local epoch, granted, previous = ledger[1], ledger[2], ledger[3]
  local ttl = terms[2]
  return format('%.0f:%.0f:%.0f', epoch, granted, previous), cdiv(micros + 2 * ttl, 1000)
end

-- The ledger in the epoch of now. One of a later epoch is kept, so that a clock that steps back frees no units.
function leases.read(ledger, terms, micros)
  local ttl = terms[2]
  local epoch = fdiv(micros, ttl)
  if not ledger or ledger[1] < epoch - 1 then
    return { epoch, 0, 0 }
  end
  if ledger[1] == epoch - 1 then
    local granted = ledger[2]
    return { epoch, 0, granted }
  end
  return ledger
end

-- The most units that a charge may take, or give back. A lease older than its ttl gives nothing back: its units may have been spent.
function leases.most(ledger, terms, micros, cost)
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
  local epoch, granted, previous = ledger[1], ledger[2], ledger[3]
  if units > 0 then
    return { epoch, min(MAX, granted + units), previous }
  end
  local ttl, since = terms[2], terms[3]
  local grantedin = fdiv(since, ttl)
  if grantedin == epoch then
    return { epoch, max(0, granted + units), previous }
  end
  if grantedin == epoch - 1 then
    return { epoch, granted, max(0, previous + units) }
  end
  return ledger
end
