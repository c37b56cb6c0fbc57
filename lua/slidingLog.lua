-- Purpose: at most quantity units in a window that slides, by an entry for each admitted charge.
--   packages/core/src/algorithms/sliding-log.ts decides the same.
-- State: records of 16 bytes, oldest first: time (µs, a double), units and id (4 bytes each). The last record may have 0 units: it keeps
--   its id from being used again. Expires a window after its newest record.
-- Limit: { 'l', id, quantity, window }, window in µs.
-- Receipt: { time, id }.
-- Reply of a state: the next id, then (time, units, id) of each live entry. Entries are merged where no outcome depends on their bounds.
-- redis.calls: none; full.lua reads and writes.

algorithms.l = {}

function algorithms.l.decode(text)
  local size = #text
  if size == 0 or size % 16 ~= 0 then
    return nil
  end
  local log, last = {}, 0
  for offset = 1, size, 16 do
    local time, units, id = unpacked('>dI4I4', text, offset)
    if not (time >= last and time <= MAX) then
      return nil
    end
    last = time
    log[#log + 1] = { time, units, id }
  end
  return log
end

function algorithms.l.encode(state, limit)
  local window = limit[4]
  local records = {}
  for i, entry in ipairs(state) do
    local time, units, id = entry[1], entry[2], entry[3]
    records[i] = pack('>dI4I4', time, units, id)
  end
  local newest = state[#state][1]
  return table.concat(records), cdiv(newest + window, 1000)
end

-- The live entries, the units in them, and the next id.
local function readlog(state, limit)
  local window = limit[4]
  local live, used, nextid = {}, 0, 0
  for _, entry in ipairs(state or {}) do
    local time, units, id = entry[1], entry[2], entry[3]
    nextid = max(nextid, id + 1)
    if units > 0 and time > micros - window then
      live[#live + 1] = entry
      used = used + units
    end
  end
  return live, used, nextid
end

function algorithms.l.available(limit, state)
  local quantity = limit[3]
  local _, used = readlog(state, limit)
  return max(0, quantity - used)
end

function algorithms.l.charge(limit, state, cost, _, isforced)
  local quantity = limit[3]
  local live, used, nextid = readlog(state, limit)
  if used + cost > quantity and not isforced then
    return false
  end
  local taken = min(cost, max(0, 2 * quantity - used))
  if taken == 0 then
    return true
  end
  local after = {}
  for i, entry in ipairs(live) do
    after[i] = entry
  end
  local newest = after[#after]
  local newesttime = newest and newest[1] or 0
  after[#after + 1] = { max(micros, newesttime), taken, nextid }
  return true, after
end

function algorithms.l.giveback(limit, state, units, receipt)
  local live, _, nextid = readlog(state, limit)
  local takenat, takenid = receipt[1], receipt[2]
  local after, foundat = {}, nil
  for _, entry in ipairs(live) do
    local time, taken, id = entry[1], entry[2], entry[3]
    if time == takenat and id == takenid then
      foundat = time
      if taken > units then
        after[#after + 1] = { time, taken - units, id }
      end
    else
      after[#after + 1] = entry
    end
  end
  if not foundat then
    return nil
  end
  local newest = after[#after]
  local newesttime, newestid = 0, -1
  if newest then
    newesttime, newestid = newest[1], newest[3]
  end
  if not newest or newestid < nextid - 1 then
    after[#after + 1] = { max(foundat, newesttime), 0, nextid - 1 }
  end
  return after
end

-- The sums of units at which an outcome can change: each is what must leave the log until a number of units fits. back: the units that are
-- given back.
local function thresholdsof(used, quantity, cost, atleast, back)
  local afterwards = used + min(max(cost, 0), max(0, 2 * quantity - used))
  local thresholds = { used - back + 1 - quantity }
  for _, units in ipairs({ cost, atleast, 1 }) do
    thresholds[#thresholds + 1] = used + units - quantity
    thresholds[#thresholds + 1] = afterwards + units - quantity
  end
  return thresholds
end

-- The units that this charge gives back: no more than its entry has.
local function unitsback(live, facts)
  local takenat, takenid = facts.receipt[1], facts.receipt[2]
  for _, entry in ipairs(facts.cost < 0 and live or {}) do
    local time, units, id = entry[1], entry[2], entry[3]
    if time == takenat and id == takenid then
      return min(units, -facts.cost)
    end
  end
  return 0
end

-- Keeps the bounds of the oldest entry, of the newest, of the entry that is given back, and of those at whose expiry more units fit.
function algorithms.l.toreply(limit, state, facts, isshared)
  local live, used, nextid = readlog(state, limit)
  local quantity = limit[3]
  local takenat, takenid = facts.receipt[1], facts.receipt[2]
  local thresholds = thresholdsof(used, quantity, facts.cost, facts.atleast, unitsback(live, facts))
  local reply = { nextid }
  local before, sum, merged = 0, 0, 0
  for i, entry in ipairs(live) do
    local time, units, id = entry[1], entry[2], entry[3]
    sum = sum + units
    merged = merged + units
    local following = live[i + 1]
    local isbound = isshared or i == 1 or not following
    -- The entry that is given back stays separate, and so does the entry after it, which may become the oldest.
    for _, near in ipairs({ entry, following or entry, live[i - 1] or entry }) do
      isbound = isbound or (near[1] == takenat and near[3] == takenid)
    end
    for _, threshold in ipairs(thresholds) do
      isbound = isbound or (before < threshold and sum >= threshold)
    end
    if isbound then
      reply[#reply + 1] = time
      reply[#reply + 1] = merged
      reply[#reply + 1] = id
      merged = 0
    end
    before = sum
  end
  return reply
end
