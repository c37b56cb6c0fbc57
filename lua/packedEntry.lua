-- Purpose: the codec of packed states, for packed.lua. packages/redis/src/state/packed.ts reads them too.
-- KEYS, ARGV, reply: see packed.lua.
-- redis.calls: none.
--
-- A packed state is start, count and previous in one integer: ((previous * span + count) * 4 + class) * 16 + id % 16, id = start / window,
-- span = SPANS[class]; class 0 has no previous. Where the integer cannot hold them: "start:count:previous". Only so can a count be below 0,
-- which regions make: a unit that came back may be heard of before the unit itself.

local IDS = 16
local SPANS = { 256, 4096, 2097152 }

local function natural(text)
  local n = tonumber(text)
  return n and n >= 0 and n <= MAX and n % 1 == 0 and n or nil
end

-- Start, count and previous of an entry; nil for a text that is no entry.
local function unpackentry(text, base, window)
  local n = natural(text)
  if not n then
    local start, sign, count, previous = match(text, '^(%d+):(%-?)(%d+):(%d+)$')
    if start then
      start, count, previous = natural(start), natural(count), natural(previous)
      count = count and sign == '-' and -count or count
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

-- The entry of a state in this bucket: an integer if it can hold the state, else a text.
local function packentry(bucket, start, count, previous)
  local id, class, span = start / bucket.window, 0, 0
  while previous > 0 and count >= span and class < 3 do
    class = class + 1
    span = SPANS[class]
  end
  -- Not below the next base: the sweep does not come back to the part that it has scanned.
  if id % 1 == 0 and id >= (bucket.next or bucket.base) and id < bucket.base + IDS and count >= 0 and (count < span or class == 0) then
    local n = ((previous * span + count) * 4 + class) * IDS + id % IDS
    if n <= MAX then
      return n
    end
  end
  return format('%.0f:%.0f:%.0f', start, count, previous)
end
