-- Purpose: the codec of ledgers: what a region knows of the states of a policy and subject beside the states; used by regionCollect.lua and
--   regionApply.lua. packages/regions does the same.
-- KEYS, ARGV, reply: see regionCollect.lua and regionApply.lua.
-- redis.calls: SET and DEL, in writevalue and writeledger.
--
-- A ledger is a list of big-endian doubles: a format, the version of the last record, then for each account eleven numbers, and for each of its
-- parts six more:
--   account: id, first, foreign, foreignbefore, published, publishedbefore, reset, publishedreset, publishedat (µs), until, parts
--   part: region, version, first, units, before, at

local FORMAT = 2
local DOUBLES = 8
-- Lua has room for so many values of one call, and a ledger of many limits and regions has more.
local CHUNK = 4000

local function newledger()
  return { version = 0, accounts = {} }
end

local function newaccount()
  return {
    first = 0,
    foreign = 0,
    foreignbefore = 0,
    published = 0,
    publishedbefore = 0,
    reset = 0,
    publishedreset = 0,
    publishedat = 0,
    ends = 0,
    parts = {},
  }
end

-- The numbers of a text.
local function unpackall(text, count)
  if count <= CHUNK then
    return { unpacked(format('>%s', rep('d', count)), text) }
  end
  local numbers = {}
  for from = 0, count - 1, CHUNK do
    local size = min(CHUNK, count - from)
    local chunk = { unpacked(format('>%s', rep('d', size)), text, from * DOUBLES + 1) }
    for i = 1, size do
      numbers[from + i] = chunk[i]
    end
  end
  return numbers
end

local function packall(numbers)
  local texts = {}
  for from = 1, #numbers, CHUNK do
    local to = min(#numbers, from + CHUNK - 1)
    texts[#texts + 1] = pack(format('>%s', rep('d', to - from + 1)), unpack(numbers, from, to))
  end
  return table.concat(texts)
end

-- The accounts by id. A text that is no ledger counts as absent.
local function decodeledger(text)
  local ledger = newledger()
  local count = text and #text / DOUBLES or 0
  if count < 2 or count % 1 ~= 0 then
    return ledger
  end
  local numbers = unpackall(text, count)
  if numbers[1] ~= FORMAT then
    return ledger
  end
  ledger.version = numbers[2]
  local at = 3
  while at + 10 <= count do
    local account = newaccount()
    local id = numbers[at]
    account.first, account.foreign, account.foreignbefore = numbers[at + 1], numbers[at + 2], numbers[at + 3]
    account.published, account.publishedbefore = numbers[at + 4], numbers[at + 5]
    account.reset, account.publishedreset, account.publishedat = numbers[at + 6], numbers[at + 7], numbers[at + 8]
    account.ends = numbers[at + 9]
    local parts = numbers[at + 10]
    at = at + 11
    for _ = 1, parts do
      account.parts[numbers[at]] = {
        version = numbers[at + 1],
        first = numbers[at + 2],
        units = numbers[at + 3],
        before = numbers[at + 4],
        at = numbers[at + 5],
      }
      at = at + 6
    end
    -- It may have ended, while the ledger is kept for others.
    if account.ends >= micros then
      ledger.accounts[id] = account
    end
  end
  return ledger
end

-- Adds numbers to a list.
local function append(list, ...)
  for i = 1, select('#', ...) do
    list[#list + 1] = (select(i, ...))
  end
end

local function encodeledger(ledger)
  local numbers = { FORMAT, ledger.version }
  local latest = 0
  for id, account in pairs(ledger.accounts) do
    -- An account that nothing needs any more is left out.
    if account.ends >= micros then
      latest = max(latest, account.ends)
      append(numbers, id, account.first, account.foreign, account.foreignbefore, account.published, account.publishedbefore)
      append(numbers, account.reset, account.publishedreset, account.publishedat, account.ends, 0)
      local count = #numbers
      -- Also parts of regions that this process does not know, since others of its region may.
      for region, part in pairs(account.parts) do
        numbers[count] = numbers[count] + 1
        append(numbers, region, part.version, part.first, part.units, part.before, part.at)
      end
    end
  end
  return packall(numbers), latest
end

-- The error; nil if it was written.
local function writeledger(key, ledger)
  local text, latest = encodeledger(ledger)
  if latest == 0 then
    return errorof(redis.pcall('DEL', key))
  end
  return setwithexpiry(key, text, expiryof(latest))
end

-- Writes the entries of a value.
local function writevalue(key, entries)
  prune(entries, nil, function()
    return false
  end)
  if #entries == 0 then
    return errorof(redis.pcall('DEL', key))
  end
  return setwithexpiry(key, encodevalue(entries), expiryof(latestof(entries)))
end

local function readentry(entries, id)
  local at = find(entries, id, 1)
  if not at then
    return nil
  end
  return { entries[at + 1], entries[at + 2], entries[at + 3] }
end

-- Sets an entry, or removes it where numbers is nil.
local function writeentry(entries, id, numbers)
  local at = find(entries, id, 1)
  if numbers then
    at = at or #entries + 1
    entries[at], entries[at + 1], entries[at + 2], entries[at + 3] = id, numbers[1], numbers[2], numbers[3]
  elseif at then
    remove(entries, at)
  end
end
