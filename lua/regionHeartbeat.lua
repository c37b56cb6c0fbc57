-- Purpose: writes what a process of this region says of itself and of other regions, and reads what all have said. All parts of its script.
--   packages/regions/src/heartbeat.ts does the same.
-- KEYS: the hash of the region.
-- ARGV[1]: JSON { self, all, reads, asked, every, silence, keep, table, heard... }
--   all: joined by commas; asked: 1 if this process has asked the others to send again; every, silence, keep: ms
--   table: { version, from, text }, or {} for none; heard: { region, age, lag, reads, versions, promised }, where promised is a list of tables
-- ARGV[2]: see testClock.lua
-- Reply: { ms, result, due, name, value... }; result 0 for the data of other regions, which is not changed; due 1 to send a beat; then the hash.
-- redis.calls: TIME, HGETALL, HSET, HDEL.
--
-- The fields of the hash: self, all, since, called, beat, asked, and by colons
--   r:<version>: when a process called that reads it; p:<region>: when it was heard, its lag, what it reads; t:<version>: a table that is
--   promised; h:<region>:<version>: 1 for a table that the region promises.

local DUE = 0.75

local format, match, sub = string.format, string.match, string.sub

local key = KEYS[1]
local request = cjson.decode(ARGV[1])
local self, all, reads, asked = request[1], request[2], request[3], request[4]
local every, silence, keep, own = request[5], request[6], request[7], request[8]
local ms = math.floor(now() / 1000)

local function read()
  local fields, list = {}, redis.call('HGETALL', key)
  for i = 1, #list, 2 do
    fields[list[i]] = list[i + 1]
  end
  return fields
end

local function text(number)
  return format('%.0f', number)
end

local fields = read()
local changed = {}

local function listof(joined)
  local list, set = {}, {}
  for name in string.gmatch(joined, '[^,]+') do
    list[#list + 1], set[name] = name, true
  end
  return list, set
end

-- The regions of the hash and behind them those that are new, and whether the given ones are in this order.
local function mergedall()
  local known, isknown = listof(fields.all)
  local given, isgiven = listof(all)
  for _, name in ipairs(given) do
    if not isknown[name] then
      known[#known + 1] = name
    end
  end
  local common = {}
  for _, name in ipairs(known) do
    if isgiven[name] then
      common[#common + 1] = name
    end
  end
  return table.concat(known, ','), table.concat(common, ',') == all
end

local function set(name, value)
  if fields[name] ~= value then
    changed[#changed + 1], changed[#changed + 2] = name, value
    fields[name] = value
  end
end

if not fields.self then
  set('self', self)
  set('all', all)
  set('since', text(ms))
  set('called', text(ms))
  set('beat', '0')
  set('asked', '0')
end
local merged, isinorder = mergedall()
if fields.self ~= self or not isinorder then
  return { ms, 0, 0, 'self', fields.self, 'all', fields.all }
end

-- Promises a table, unless a later one is promised.
local function promise(version, from, shares)
  for name in pairs(fields) do
    local other = tonumber(match(name, '^t:(%d+)$'))
    if other and other >= version then
      return
    end
  end
  if from >= ms + keep then
    set(format('t:%.0f', version), format('%.0f %s', from, shares))
  end
end

local due = ms - tonumber(fields.beat) >= DUE * every
set('all', merged)
if ms - tonumber(fields.called) > silence then
  set('since', text(ms))
end
set('called', text(ms))
if due then
  set('beat', text(ms))
end
if asked == 1 then
  set('asked', '1')
end
set(format('r:%.0f', reads), text(ms))
if own[1] then
  promise(own[1], own[2], own[3])
end
for i = 9, #request do
  local region, age, lag, otherreads, versions, promised = unpack(request[i], 1, 6)
  local name = format('p:%s', region)
  local heardat, _, knownreads = match(fields[name] or '0 0 0', '^(%d+) (%d+) (%d+)$')
  heardat = math.max(tonumber(heardat or 0), ms - age)
  set(name, format('%.0f %.0f %s', heardat, lag, otherreads == 0 and knownreads or text(otherreads)))
  for _, version in ipairs(versions) do
    set(format('h:%s:%.0f', region, version), '1')
  end
  -- What this region has promised before its data was lost.
  for _, given in ipairs(promised) do
    local field = format('t:%.0f', given[1])
    if not fields[field] then
      set(field, format('%.0f %s', given[2], given[3]))
    end
  end
end

local ended = {}
for name, value in pairs(fields) do
  if sub(name, 1, 2) == 'r:' and tonumber(value) <= ms - keep then
    ended[#ended + 1] = name
  end
end
-- Lua has room for so many values of one call.
for from = 1, #changed, 1000 do
  local written = redis.pcall('HSET', key, unpack(changed, from, math.min(#changed, from + 999)))
  if type(written) == 'table' and written.err then
    return written
  end
end
for _, name in ipairs(ended) do
  redis.pcall('HDEL', key, name)
end

local reply = { ms, 1, due and 1 or 0 }
for name, value in pairs(fields) do
  if sub(name, 1, 2) ~= 'r:' or tonumber(value) > ms - keep then
    reply[#reply + 1], reply[#reply + 2] = name, value
  end
end
return reply
