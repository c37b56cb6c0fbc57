-- Purpose: keeps the states of windows packed, some tens of subjects in one hash (a bucket), where there would else be a key for
--   each. To fast.lua and full.lua a place in a bucket reads and writes as a key does: three doubles, with an expiry.
-- KEYS: one for each bucket, behind all others.
-- ARGV: the fourth item of theirs: the number of buckets, and of each of them how many fields, the window in ms and those fields; a
--   field is a subject that is an integer, as text, or the digest of another, as a number.
-- Reply: none of its own.
-- Entry: a field (the text, or the 6 bytes of the digest) and start, count and previous in one small integer:
--   ((previous * span + count) * 4 + class) * 16 + id % 16, id = start / window, span = SPANS[class]; class 0 has no previous.
--   "start:count:previous" where that cannot tell. Field '.' holds the base, behind all integers of the bucket: their ids are
--   base to base + 15; during a sweep "base:next base:cursor".
-- A subject without an expiry of its own is swept: every entry below the next base has expired, and goes; then that is the base.
-- redis.calls: for each place one HMGET; for each that a decision changes PTTL and HSET, or HDEL; PEXPIREAT once a window;
--   HLEN for each new entry; HSCAN and HDEL for each sweep.

packed = {}

local function errorof(result)
  return type(result) == 'table' and result.err or nil
end

local IDS = 16
local SPANS = { 256, 4096, 2097152 }
-- Entries above which a bucket is swept: 32 are expected, and Redis packs up to hash-max-listpack-entries.
local FULL = 96
-- ms that a bucket outlives its states: PTTL is then looked at often, and PEXPIREAT needed seldom.
local SLACK = 1000

local function natural(text)
  local n = tonumber(text)
  return n and n >= 0 and n <= MAX and n % 1 == 0 and n or nil
end

-- Start, count and previous of an entry; nil for none of ours.
local function readentry(text, base, window)
  local n = natural(text)
  if not n then
    local start, count, previous = match(text, '^(%d+):(%d+):(%d+)$')
    if start then
      start, count, previous = natural(start), natural(count), natural(previous)
    end
    if start and count and previous then
      return start, count, previous
    end
    return nil
  end
  local id, rest = n % IDS, fdiv(n, IDS)
  local span, units = SPANS[rest % 4], fdiv(rest, 4)
  local start = (base + (id - base) % IDS) * window
  if start > MAX then
    return nil
  end
  if span then
    return start, units % span, fdiv(units, span)
  end
  return start, units, 0
end

-- The entry of such a state in this bucket: a number where one can tell it, else text.
local function writeentry(bucket, start, count, previous)
  local id, class, span = start / bucket.window, 0, 0
  while previous > 0 and count >= span and class < 3 do
    class = class + 1
    span = SPANS[class]
  end
  -- Not below the next base: where the sweep has been, nothing below that may come again.
  if id % 1 == 0 and id >= (bucket.next or bucket.base) and id < bucket.base + IDS and (count < span or class == 0) then
    local n = ((previous * span + count) * 4 + class) * IDS + id % IDS
    if n <= MAX then
      return n
    end
  end
  return format('%.0f:%.0f:%.0f', start, count, previous)
end

local function readheader(bucket, text)
  local base, following, cursor = natural(text), false, '0'
  if not base then
    base, following, cursor = match(text, '^(%d+):(%d+):(%d+)$')
    base, following = base and natural(base), following and natural(following)
  end
  bucket.base, bucket.next, bucket.cursor = base or false, following or false, cursor or '0'
  return base and (following or cursor == '0')
end

local function writeheader(bucket)
  local text = format('%.0f', bucket.base)
  if bucket.next then
    text = format('%.0f:%.0f:%s', bucket.base, bucket.next, bucket.cursor)
  end
  return errorof(redis.pcall('HSET', bucket.key, '.', text))
end

-- What a place holds goes into values; whether it could be read.
local function openplace(place, number, values)
  local bucket = place.bucket
  local reply = redis.pcall('HMGET', bucket.key, '.', place.field)
  if reply.err and not match(reply.err, 'WRONGTYPE') then
    redis.call('HMGET', bucket.key, '.', place.field)
  end
  local header, entry = reply[1], reply[2]
  if reply.err or entry and not header or header and not bucket.base and not readheader(bucket, header) then
    bucket.isalien = true
    return false
  end
  if entry then
    local start, count, previous = readentry(entry, bucket.base, bucket.window)
    if not start then
      return false
    end
    values[number], place.isnew = three(start, count, previous), false
  end
  return true
end

-- The places of a batch, by the numbers that its charges have for them; what is read there or under a key, by number; and how
-- many could not be read.
function packed.open(told)
  local values, places, unreadable, number, at = {}, {}, 0, #KEYS, 2
  local keys = #KEYS - told[1]
  -- A key of another type is read as absent too. In parts, as what unpack can put on the stack is bounded.
  for first = 1, keys, 1000 do
    local last = min(first + 999, keys)
    for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
      values[first + i - 1] = value
    end
  end
  for i = 1, told[1] do
    local bucket = { key = KEYS[keys + i], window = told[at + 1], base = false, next = false, cursor = '0', isalien = false }
    for j = at + 2, at + 1 + told[at] do
      local field = told[j]
      local place = { bucket = bucket, field = type(field) == 'number' and pack('>I6', field) or field, isnew = true }
      number = number + 1
      places[number] = place
      if not bucket.isalien and not openplace(place, number, values) then
        unreadable = unreadable + 1
      end
    end
    at = at + 2 + told[at]
  end
  return values, places, unreadable
end

local function expire(bucket, left, ms, faked)
  local result
  if faked then
    result = redis.pcall('PEXPIRE', bucket.key, left)
  else
    result = redis.pcall('PEXPIREAT', bucket.key, ms + left + SLACK)
  end
  return errorof(result)
end

-- Drops what is below the next base: at once where Redis has packed the hash, else a hundred fields each time.
local function sweep(bucket, base)
  bucket.next = bucket.next or base
  local scanned = redis.pcall('HSCAN', bucket.key, bucket.cursor, 'COUNT', 100)
  if scanned.err then
    return scanned.err
  end
  local found, gone = scanned[2], {}
  for i = 1, #found, 2 do
    local start = found[i] == '.' or readentry(found[i + 1], bucket.base, bucket.window)
    if not start or start ~= true and start < bucket.next * bucket.window then
      gone[#gone + 1] = found[i]
    end
  end
  for first = 1, #gone, 100 do
    local err = errorof(redis.pcall('HDEL', bucket.key, unpack(gone, first, min(first + 99, #gone))))
    if err then
      return err
    end
  end
  bucket.cursor = scanned[1]
  if bucket.cursor == '0' then
    bucket.base, bucket.next = bucket.next, false
  end
  return writeheader(bucket)
end

-- All of a write to a place but the write itself; told is whether HSET must be shown to be allowed. The error, nil if it was done.
function packed.prepare(place, start, at, now, faked, told)
  local bucket, ms = place.bucket, fdiv(now, 1000)
  if bucket.isalien then
    local err = errorof(redis.pcall('DEL', bucket.key))
    if err then
      return err
    end
    bucket.isalien, bucket.base, bucket.next = false, false, false
  end
  local left, least = redis.pcall('PTTL', bucket.key), faked and max(60000, at - ms) or at - ms
  -- Before a bucket is made: what could not be given an expiry would stay for ever.
  local err = errorof(left) or left < least and expire(bucket, least, ms, faked) or nil
  if err then
    return err
  end
  -- What lives as long as this state, and begins before the base, has expired.
  local spent = ms - (at - start) - (faked and 60000 or 0)
  local base = spent < 0 and 0 or fdiv(spent, bucket.window) + 1
  if left == -2 or not bucket.base then
    bucket.base, bucket.next, bucket.cursor = base, false, '0'
    return writeheader(bucket) or left == -2 and expire(bucket, least, ms, faked) or nil
  end
  if bucket.next or base > bucket.base then
    local isdue = bucket.next or start / bucket.window >= bucket.base + IDS / 2
    if not isdue and place.isnew then
      local length = redis.pcall('HLEN', bucket.key)
      if errorof(length) then
        return length.err
      end
      isdue = length > FULL
    end
    if isdue then
      return sweep(bucket, base)
    end
  end
  return told and writeheader(bucket) or nil
end

function packed.write(place, start, count, previous)
  place.isnew = false
  return errorof(redis.pcall('HSET', place.bucket.key, place.field, writeentry(place.bucket, start, count, previous)))
end

function packed.remove(place)
  local result
  if place.bucket.isalien then
    result = redis.pcall('DEL', place.bucket.key)
  else
    result = redis.pcall('HDEL', place.bucket.key, place.field)
  end
  place.isnew = true
  return errorof(result)
end
