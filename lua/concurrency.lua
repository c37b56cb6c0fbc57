-- Purpose: holders that live until they are released or expire. packages/core/src/algorithms/concurrency.ts decides the same.
-- State: a line "expiry id" for each holder, expiry in µs, in the order of acquisition. Expires with its last holder.
-- Limit: { 'c', id, quantity, ttl }, ttl in µs.
-- Receipt: { id } of the holder to release or renew.
-- Reply of a state: expiry and id of each live holder.
-- redis.calls: none; full.lua reads and writes.

algorithms.c = { renews = true }

function algorithms.c.decode(text)
  local holders = {}
  for line in string.gmatch(text, '[^\n]+') do
    local expiry, id = match(line, '^(%d+) (%S+)$')
    expiry = integer(expiry)
    if not expiry then
      return nil
    end
    holders[#holders + 1] = { expiry, id }
  end
  return holders
end

function algorithms.c.encode(state)
  local lines, latest = {}, 0
  for i, holder in ipairs(state) do
    local expiry, id = holder[1], holder[2]
    lines[i] = format('%.0f %s', expiry, id)
    latest = max(latest, expiry)
  end
  return table.concat(lines, '\n'), cdiv(latest, 1000)
end

local function liveholders(state)
  local live = {}
  for _, holder in ipairs(state or {}) do
    local expiry = holder[1]
    if expiry > micros then
      live[#live + 1] = holder
    end
  end
  return live
end

function algorithms.c.available(limit, state)
  local quantity = limit[3]
  return max(0, quantity - #liveholders(state))
end

local function holds(live, id)
  for _, holder in ipairs(live) do
    if holder[2] == id then
      return true
    end
  end
  return false
end

-- The holders without this one.
local function without(live, id)
  local others = {}
  for _, holder in ipairs(live) do
    if holder[2] ~= id then
      others[#others + 1] = holder
    end
  end
  return others
end

function algorithms.c.charge(limit, state, cost, facts, isforced)
  local quantity, ttl = limit[3], limit[4]
  local renewed = facts.receipt[1]
  local live, id = liveholders(state), renewed or facts.holder
  local isheld = cost > 0 and holds(live, id)
  if not isforced and not isheld and (cost > 0 and renewed or #live + cost > quantity) then
    return false
  end
  if cost == 0 or not renewed and (isheld or #live >= 2 * quantity) then
    return true
  end
  local after = without(live, id)
  after[#after + 1] = { micros + ttl, id }
  return true, after
end

function algorithms.c.giveback(_, state, _, receipt)
  local live = liveholders(state)
  local after = without(live, receipt[1])
  return #after < #live and after or nil
end

function algorithms.c.toreply(_, state)
  local reply = {}
  for _, holder in ipairs(liveholders(state)) do
    local expiry, id = holder[1], holder[2]
    reply[#reply + 1] = expiry
    reply[#reply + 1] = id
  end
  return reply
end
