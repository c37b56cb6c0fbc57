-- Purpose: holders that live until they are released or expire. packages/core/src/algorithms/concurrency.ts decides the same.
-- State: a line "expiry id" for each holder, expiry in µs, in the order of acquisition. Expires with its last holder.
-- Limit: { 'c', quantity, ttl }, ttl in µs.
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

-- The view: the live holders.
function algorithms.c.read(state, _, micros)
  local live = {}
  for _, holder in ipairs(state or {}) do
    local expiry = holder[1]
    if expiry > micros then
      live[#live + 1] = holder
    end
  end
  return live
end

function algorithms.c.available(view, limit)
  local quantity = limit[2]
  return max(0, quantity - #view)
end

local function holds(view, id)
  for _, holder in ipairs(view) do
    if holder[2] == id then
      return true
    end
  end
  return false
end

-- The holders without this one.
local function without(view, id)
  local others = {}
  for _, holder in ipairs(view) do
    if holder[2] ~= id then
      others[#others + 1] = holder
    end
  end
  return others
end

function algorithms.c.admits(view, limit, _, cost, facts)
  local quantity, renewed = limit[2], facts.receipt[1]
  if cost > 0 and renewed then
    return holds(view, renewed)
  end
  return #view + cost <= quantity or (cost > 0 and holds(view, facts.holder))
end

function algorithms.c.take(view, limit, micros, cost, facts)
  local quantity, ttl = limit[2], limit[3]
  local renewed = facts.receipt[1]
  local id = renewed or facts.holder
  if cost == 0 or (not renewed and (#view >= 2 * quantity or holds(view, id))) then
    return nil
  end
  local after = without(view, id)
  after[#after + 1] = { micros + ttl, id }
  return after
end

function algorithms.c.giveback(view, _, _, _, receipt)
  local after = without(view, receipt[1])
  return #after < #view and after or nil
end

function algorithms.c.toreply(state, limit, micros)
  local reply = {}
  for _, holder in ipairs(algorithms.c.read(state, limit, micros)) do
    local expiry, id = holder[1], holder[2]
    reply[#reply + 1] = expiry
    reply[#reply + 1] = id
  end
  return reply
end
