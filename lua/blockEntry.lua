-- Purpose: writes or removes an entry of a block list by hand. The last part of its script.
-- KEYS: those of blockTime.lua, then of the target: its counts, its last block, its last block in shadow.
-- ARGV: now, what, id, effect, reason, duration, most
--   what: 'put'; or 'block' or 'allow', to remove an entry of this kind
--   duration: ms; 'inf' without an end. most: entries that the list may have.
-- Reply: { 1, entry } or { 0, 'allowed' | 'full' } of a 'put', else { 1 } if there was an entry, { 0 } if not.
-- redis.calls: HMGET, HLEN, HDEL, ZREM, DEL, and those of blockRecords.lua.

local what, id, effect, reason, duration, most = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])

local err = sweep()
if err then
  return err
end
local value = redis.call('HMGET', records, id)[1]
local current = entryof(value)

local function forget()
  local done = redis.pcall('DEL', KEYS[5], KEYS[6], KEYS[7])
  return failed(done) and done or nil
end

if what == 'put' then
  if current == 'allow' and effect ~= 'allow' then
    return { 0, 'allowed' }
  end
  if not value and redis.call('HLEN', records) >= most then
    return { 0, 'full' }
  end
  local finish = duration == 'inf' and math.huge or now + tonumber(duration)
  local text = duration == 'inf' and 'inf' or string.format('%.0f', finish)
  local entry = string.format('%s manual %.0f %s 0 - %s', effect, now, text, reason)
  err = put(id, entry, finish) or expire()
  if err then
    return err
  end
  redis.pcall('DEL', KEYS[5])
  return { 1, entry }
end

if what == 'block' then
  err = forget()
  if err then
    return err
  end
end
if not current or (current == 'allow') ~= (what == 'allow') then
  return { 0 }
end
local removed = redis.pcall('HDEL', records, id)
if failed(removed) then
  return removed
end
redis.pcall('ZREM', ends, id)
return announce(id, '') or expire() or { 1 }
