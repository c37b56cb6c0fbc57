-- Purpose: keeps the states of windows packed: the states of about 32 subjects in one hash (a bucket). fast.lua and full.lua read and write
--   an entry of a bucket as they do a value with one entry, whose id is 0.
-- KEYS: one for each bucket, behind all others.
-- ARGV: the last item of ARGV[1]: the number of buckets; then for each bucket the number of its fields, the window and the lifetime of a
--   state in ms (one window, or two of a sliding window), and the fields. A field is a text (a subject that is an integer) or a number (the
--   digest of any other subject).
-- Reply: see fast.lua and full.lua.
-- Entry: a field (the text, or the 6 bytes of the digest) with a state, as packedEntry.lua describes it.
-- Header: the field '.' has the base. The integers of the bucket have ids from base to base + 15. During a sweep it is "base:next:cursor".
-- Block: a blocked subject has a second field, '!' and the first, with the time (µs) until which it is blocked. The header of a bucket that
--   ever had one ends with '!'. Others need no second read.
-- Expiry: a hash has one expiry, so entries that have expired are swept. All entries below the next base are removed; then it is the base.
-- redis.calls: for each entry one HMGET, or two in a bucket with blocks; for each entry that changes PTTL and HSET, or HDEL; PEXPIREAT once a window; HLEN for each new
--   entry; HSCAN and HDEL for each sweep, and for each block that is ended.

packed = {}

-- A bucket with more entries is swept. 32 are expected, and Redis packs up to hash-max-listpack-entries.
local FULL = 96
-- ms that a bucket outlives its states, so that PEXPIREAT is needed seldom.
local SLACK = 1000

local function readheader(bucket, text)
  local base, following, cursor = natural(text), false, '0'
  if not base and string.sub(text, -1) == '!' then
    bucket.hasblocks = true
    text = string.sub(text, 1, -2)
    base = natural(text)
  end
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
  if bucket.hasblocks then
    text = format('%s!', text)
  end
  return errorof(redis.pcall('HSET', bucket.key, '.', text))
end

-- Reads an entry into values. Returns whether it could be read.
local function openentry(entry, number, values)
  local bucket = entry.bucket
  local reply = redis.pcall('HMGET', bucket.key, '.', entry.field)
  if reply.err and not match(reply.err, 'WRONGTYPE') then
    redis.call('HMGET', bucket.key, '.', entry.field)
  end
  local header, text = reply[1], reply[2]
  if reply.err or text and not header or header and not bucket.base and not readheader(bucket, header) then
    bucket.isforeign = true
    return false
  end
  if text then
    local start, count, previous = unpackentry(text, bucket.base, bucket.window)
    local first = start and (start + bucket.lifetime) * 1000
    if not first or not isstate(first, count, previous) then
      return false
    end
    values[number], entry.isnew = pack(ENTRY, 0, first, count, previous), false
  end
  return true
end

-- Not by format, which ends a text at its first zero byte.
local function blockfield(field)
  return table.concat({ '!', field })
end

-- Puts a block that has not ended before the entry of a value, as state.lua describes it.
local function openblock(entry, number, values)
  local reply = redis.call('HMGET', entry.bucket.key, blockfield(entry.field))
  local finish = reply[1] and natural(reply[1]) or 0
  if finish > micros then
    values[number] = table.concat({ pack(ENTRY, BLOCK, finish, 0, 0), values[number] or '' })
  end
end

local function newbucket(key, window, lifetime)
  return { key = key, window = window, lifetime = lifetime, base = false, next = false, cursor = '0', isforeign = false }
end

local function newentry(bucket, field)
  return { bucket = bucket, field = type(field) == 'number' and pack('>I6', field) or field, isnew = true }
end

-- Reads all keys and buckets of a batch, except the sets, which are the last setcount keys before the buckets. Returns the values and the entries, by number. The numbers of entries follow those of KEYS.
function packed.open(request, setcount)
  local bucketcount = request[1]
  local keycount = #KEYS - bucketcount
  local values, entries, number = {}, {}, #KEYS
  -- MGET reads a key of another type as absent. It is sent in parts, since unpack can put only so much on the stack.
  local read = keycount - setcount
  for first = 1, read, 1000 do
    local last = min(first + 999, read)
    for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
      values[first + i - 1] = value
    end
  end
  local cursor = 1
  for i = 1, bucketcount do
    local fieldcount, window, lifetime = request[cursor + 1], request[cursor + 2], request[cursor + 3]
    cursor = cursor + 3
    local bucket = newbucket(KEYS[keycount + i], window, lifetime)
    for _ = 1, fieldcount do
      cursor = cursor + 1
      local entry = newentry(bucket, request[cursor])
      number = number + 1
      entries[number] = entry
      if not bucket.isforeign and not openentry(entry, number, values) then
        unreadable = unreadable + 1
      end
      if bucket.hasblocks and not bucket.isforeign then
        openblock(entry, number, values)
      end
    end
  end
  return values, entries
end

-- Reads one state, without the block of its subject. The entry, and its value; nil if there is none.
function packed.read(key, window, lifetime, field)
  local entry, values = newentry(newbucket(key, window, lifetime), field), {}
  if not openentry(entry, 1, values) then
    unreadable = unreadable + 1
  end
  return entry, values[1]
end

-- Removes the entries below the next base: all at once if Redis has packed the hash, else about a hundred fields each time.
local function sweep(bucket, base)
  bucket.next = bucket.next or base
  local scanned = redis.pcall('HSCAN', bucket.key, bucket.cursor, 'COUNT', 100)
  if scanned.err then
    return scanned.err
  end
  local found, gone = scanned[2], {}
  for i = 1, #found, 2 do
    local name, text = found[i], found[i + 1]
    local isgone = false
    if string.sub(name, 1, 1) == '!' then
      isgone = (natural(text) or 0) < micros - KEPTFOR
    elseif name ~= '.' then
      local start = unpackentry(text, bucket.base, bucket.window)
      isgone = not start or start < bucket.next * bucket.window
    end
    if isgone then
      gone[#gone + 1] = name
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

-- The start of the window (ms) of a state whose first number is this.
local function startof(bucket, first)
  return fdiv(first, 1000) - bucket.lifetime
end

-- Does everything that a write needs except the write itself. first is that of the state to write. needsproof asks for a write that shows
-- whether HSET is allowed. The error; nil if it was done.
function packed.prepare(entry, first, needsproof)
  local bucket = entry.bucket
  local start, expiry = startof(bucket, first), fdiv(first, 1000)
  if bucket.isforeign then
    local err = errorof(redis.pcall('DEL', bucket.key))
    if err then
      return err
    end
    bucket.isforeign, bucket.base, bucket.next = false, false, false
  end
  local left, lifetime = redis.pcall('PTTL', bucket.key), max(MINLIFETIME, expiry - ms)
  -- The expiry comes before the write: a bucket that cannot get one must not be made, or it would stay for ever.
  local err = errorof(left) or left < lifetime and errorof(expirehash(bucket.key, lifetime, ms, SLACK)) or nil
  if err then
    return err
  end
  -- Every state of this bucket lives as long after its start, so states that begin before the base have expired.
  local spent = ms - (expiry - start) - MINLIFETIME
  local base = spent < 0 and 0 or fdiv(spent, bucket.window) + 1
  if left == -2 or not bucket.base then
    bucket.base, bucket.next, bucket.cursor = base, false, '0'
    return writeheader(bucket) or left == -2 and errorof(expirehash(bucket.key, lifetime, ms, SLACK)) or nil
  end
  if bucket.next or base > bucket.base then
    local isdue = bucket.next or start / bucket.window >= bucket.base + IDS / 2
    if not isdue and entry.isnew then
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
  return needsproof and writeheader(bucket) or nil
end

function packed.write(entry, first, count, previous)
  local bucket = entry.bucket
  entry.isnew = false
  return errorof(redis.pcall('HSET', bucket.key, entry.field, packentry(bucket, startof(bucket, first), count, previous)))
end

-- Ends a block. The bucket need not live for it any longer, nor does a bucket without any block need a second read. A bucket that Redis has not
-- packed stays as it is, since a part of its fields says nothing of the others.
local function endblock(entry)
  local bucket = entry.bucket
  local err = errorof(redis.pcall('HDEL', bucket.key, blockfield(entry.field)))
  local scanned = err and { '' } or redis.pcall('HSCAN', bucket.key, '0', 'COUNT', 100)
  if err or scanned.err or scanned[1] ~= '0' then
    return err or scanned.err
  end
  local latest = 0
  for i = 1, #scanned[2], 2 do
    if string.sub(scanned[2][i], 1, 1) == '!' then
      latest = max(latest, natural(scanned[2][i + 1]) or 0)
    end
  end
  bucket.hasblocks = latest > 0
  local lifetime = max(MINLIFETIME, bucket.lifetime + MAXAHEAD, fdiv(latest, 1000) - ms)
  return writeheader(bucket) or errorof(expirehash(bucket.key, lifetime, ms, SLACK))
end

-- Blocks the subject of an entry until then (µs); nil ends the block. The error; nil if it was done.
function packed.block(entry, finish)
  local bucket = entry.bucket
  if not finish then
    return bucket.hasblocks and endblock(entry) or nil
  end
  bucket.hasblocks = true
  return packed.prepare(entry, finish, true)
    or errorof(redis.pcall('HSET', bucket.key, blockfield(entry.field), format('%.0f', finish)))
end

function packed.remove(entry)
  local result
  if entry.bucket.isforeign then
    result = redis.pcall('DEL', entry.bucket.key)
  else
    result = redis.pcall('HDEL', entry.bucket.key, entry.field)
  end
  entry.isnew = true
  return errorof(result)
end
