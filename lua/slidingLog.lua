-- Purpose: at most quantity units in a window that slides, by an entry for each admitted charge.
--   packages/core/src/algorithms/sliding-log.ts decides the same.
-- State: 4 bytes, then records of 16 bytes, oldest first: time (µs, a double), total and id (4 bytes each). A total is the units of all
--   records up to this one, modulo 2^32; the first 4 bytes are the total before the first record. So the units of any part of the log are the
--   difference of two totals, and entries are found by binary search: a decision reads few records of a long log. The last record may
--   have 0 units: it keeps its id from being used again. Expires a window after its newest record.
-- Limit: { 'l', id, quantity, window }, window in µs.
-- Receipt: { time, id }; {} for a credit, which gives back the newest entries.
-- Reply of a state: the next id, then (time, units, id) of each live entry. Entries are merged where no outcome depends on their bounds.
-- redis.calls: none; full.lua reads and writes.

algorithms.l = {}

local HEAD, RECORD, MODULUS = 4, 16, 4294967296
-- Records that are read and written in one step.
local BULK = 64

local function timeat(text, i)
  return (unpacked('>d', text, HEAD + RECORD * i - 15))
end

-- The total of record i; for 0 the total before the first record.
local function totalat(text, i)
  return (unpacked('>I4', text, i == 0 and 1 or HEAD + RECORD * i - 7))
end

local function idat(text, i)
  return (unpacked('>I4', text, HEAD + RECORD * i - 3))
end

local function records(text, first, last)
  return string.sub(text, HEAD + RECORD * first - 15, HEAD + RECORD * last)
end

-- The units of records first to last.
local function unitsof(text, first, last)
  return (totalat(text, last) - totalat(text, first - 1)) % MODULUS
end

-- The smallest number from low to high for which is(number), which is true from there on; high + 1 if there is none.
local function search(low, high, is)
  while low <= high do
    local middle = floor((low + high) / 2)
    if is(middle) then
      high = middle - 1
    else
      low = middle + 1
    end
  end
  return low
end

function algorithms.l.decode(text)
  local size = #text - HEAD
  if size < RECORD or size % RECORD ~= 0 then
    return nil
  end
  local oldest, newest = timeat(text, 1), timeat(text, size / RECORD)
  return oldest >= 0 and newest >= oldest and newest <= MAX and text or nil
end

function algorithms.l.encode(text, limit)
  local window = limit[4]
  return text, cdiv(timeat(text, (#text - HEAD) / RECORD) + window, 1000)
end

-- The text, the first and the last live entry (the first behind the last without any), the units in them, and the next id.
local function readlog(text, limit)
  local window = limit[4]
  if not text then
    return '', 1, 0, 0, 0
  end
  local count = (#text - HEAD) / RECORD
  local nextid, last = idat(text, count) + 1, count
  if totalat(text, count) == totalat(text, count - 1) then
    last = count - 1
  end
  local first = 1
  if last >= 1 and timeat(text, 1) <= micros - window then
    first = search(2, last, function(i)
      return timeat(text, i) > micros - window
    end)
  end
  return text, first, last, first > last and 0 or unitsof(text, first, last), nextid
end

function algorithms.l.available(limit, state)
  local quantity = limit[3]
  local _, _, _, used = readlog(state, limit)
  return max(0, quantity - used)
end

function algorithms.l.charge(limit, state, cost, _, isforced)
  local quantity = limit[3]
  local text, first, last, used, nextid = readlog(state, limit)
  if used + cost > quantity and not isforced then
    return false
  end
  local taken = min(cost, max(0, 2 * quantity - used))
  if taken == 0 then
    return true
  end
  if first > last then
    return true, pack('>I4dI4I4', 0, micros, taken, nextid)
  end
  local record = pack('>dI4I4', max(micros, timeat(text, last)), (totalat(text, last) + taken) % MODULUS, nextid)
  return true, table.concat({ pack('>I4', totalat(text, first - 1)), records(text, first, last), record })
end

-- Which live entry has this receipt; nil if none has.
local function findentry(text, first, last, receipt)
  local takenat, takenid = receipt[1], receipt[2]
  if type(takenid) ~= 'number' then
    return nil
  end
  local i = search(first, last, function(j)
    return idat(text, j) >= takenid
  end)
  return i <= last and idat(text, i) == takenid and timeat(text, i) == takenat and i or nil
end

-- Records first to last, each with a total that is higher by more.
local function shifted(text, first, last, more)
  local pieces = {}
  for from = first, last, BULK do
    local count = min(BULK, last - from + 1)
    local layout = format('>%s', rep('dI4I4', count))
    local numbers = { unpacked(layout, text, HEAD + RECORD * from - 15) }
    for i = 2, 3 * count, 3 do
      numbers[i] = (numbers[i] + more) % MODULUS
    end
    pieces[#pieces + 1] = pack(layout, unpack(numbers, 1, 3 * count))
  end
  return table.concat(pieces)
end

-- The first entry with which the oldest entries have so many units.
local function entryat(text, first, last, units)
  return search(first, last, function(i)
    return unitsof(text, first, i) >= units
  end)
end

-- The state with the ids that were used: a last record of no units has the last of them.
local function withlastid(rest, time, nextid)
  local count = (#rest - HEAD) / RECORD
  if count > 0 and idat(rest, count) == nextid - 1 then
    return rest
  end
  local newesttime = count > 0 and timeat(rest, count) or 0
  return table.concat({ rest, pack('>dI4I4', max(time, newesttime), totalat(rest, count), nextid - 1) })
end

-- Gives back the newest entries.
local function credit(text, first, last, used, nextid, units)
  local back = min(units, used)
  if back < 1 then
    return nil
  end
  local base, left, kept = totalat(text, first - 1), used - back, ''
  if left > 0 then
    local newest = entryat(text, first, last, left)
    local record = pack('>dI4I4', timeat(text, newest), (base + left) % MODULUS, idat(text, newest))
    kept = table.concat({ records(text, first, newest - 1), record })
  end
  return withlastid(table.concat({ pack('>I4', base), kept }), timeat(text, last), nextid), back
end

function algorithms.l.giveback(limit, state, units, receipt)
  local text, first, last, used, nextid = readlog(state, limit)
  if receipt[1] == nil then
    return credit(text, first, last, used, nextid, units)
  end
  local found = findentry(text, first, last, receipt)
  if not found then
    return nil
  end
  local taken, foundat = unitsof(text, found, found), timeat(text, found)
  local back = min(units, taken)
  local base, before, after = totalat(text, first - 1), records(text, first, found - 1), records(text, found + 1, last)
  local total = totalat(text, found)
  -- The totals of the shorter side change.
  local own = ''
  if found - first < last - found then
    base, before = (base + back) % MODULUS, shifted(text, first, found - 1, back)
  else
    total, after = (total - back) % MODULUS, shifted(text, found + 1, last, -back)
  end
  if taken > back then
    own = pack('>dI4I4', foundat, total, idat(text, found))
  end
  return withlastid(table.concat({ pack('>I4', base), before, own, after }), foundat, nextid)
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

-- Keeps the bounds of the oldest entry, of the newest, of the entry that is given back and of those beside it, which may become the oldest or
-- the newest, and of those at whose expiry more units fit. The numbers of these entries, in order.
local function boundsof(text, first, last, used, quantity, facts)
  local found = findentry(text, first, last, facts.receipt)
  local bounds = { first, last }
  local back = 0
  if found then
    back = facts.cost < 0 and min(unitsof(text, found, found), -facts.cost) or 0
    bounds[3], bounds[4], bounds[5] = max(first, found - 1), found, min(last, found + 1)
  end
  if facts.cost < 0 and facts.receipt[1] == nil and used > 0 then
    back = min(used, -facts.cost)
    bounds[3] = used > back and entryat(text, first, last, used - back) or nil
  end
  for _, threshold in ipairs(thresholdsof(used, quantity, facts.cost, facts.atleast, back)) do
    if threshold > 0 and threshold <= used then
      bounds[#bounds + 1] = entryat(text, first, last, threshold)
    end
  end
  table.sort(bounds)
  return bounds
end

function algorithms.l.toreply(limit, state, facts, isshared)
  local quantity = limit[3]
  local text, first, last, used, nextid = readlog(state, limit)
  local reply = { nextid }
  if first > last then
    return reply
  end
  local bounds = {}
  if isshared then
    for i = first, last do
      bounds[#bounds + 1] = i
    end
  else
    bounds = boundsof(text, first, last, used, quantity, facts)
  end
  local from = first
  for _, i in ipairs(bounds) do
    if i >= from then
      reply[#reply + 1] = timeat(text, i)
      reply[#reply + 1] = unitsof(text, from, i)
      reply[#reply + 1] = idat(text, i)
      from = i + 1
    end
  end
  return reply
end
