-- Purpose: the codec of values. A value holds the windows and buckets of one policy and subject; used by fast.lua and full.lua.
-- KEYS, ARGV, reply: see fast.lua and full.lua.
-- redis.calls: none.
--
-- A value is a list of entries of 28 bytes: an id (4 bytes), then three doubles, all big-endian. The id names limit, algorithm and variant.
-- The first number is the time (µs) until which the entry counts, so a script knows the expiry of entries that it does not know. Only the
-- second number may be below 0. Doubles are read and written in a tenth of the time of text.
--
-- A blocked subject has an entry with the id BLOCK, always the first: until when it is blocked (µs), 0 and 0. No state has that id.

local match, format, rep, type = string.match, string.format, string.rep, type
local pack, unpacked = struct.pack, struct.unpack

-- The functions of packed.lua; nil in a script without it.
local packed = nil

local ENTRY, SIZE, MAXENTRIES = '>I4ddd', 28, 32
-- A value with more entries was not written by Sluice.
local MAXSIZE = SIZE * 255

local BLOCK = 4294967295

-- How many states could not be read and counted as absent, and how many were dropped because a value held too many.
local unreadable, dropped = 0, 0

-- By number of entries, the format of a value.
local formats = { ENTRY }

local function formatof(count)
  local text = formats[count]
  if not text then
    text = format('>%s', rep('I4ddd', count))
    formats[count] = text
  end
  return text
end

-- Whether three numbers can be a state: false for NaN and infinities, too.
local function isstate(first, second, third)
  return first % 1 == 0
    and second % 1 == 0
    and third % 1 == 0
    and first >= 0
    and third >= 0
    and first <= MAX
    and third <= MAX
    and second >= -MAX
    and second <= MAX
end

local function remove(entries, at)
  for _ = 1, 4 do
    table.remove(entries, at)
  end
end

-- Whether an entry before this one has its id.
local function isrepeated(entries, at)
  local id = entries[at]
  for other = 1, at - 4, 4 do
    if entries[other] == id then
      return true
    end
  end
  return false
end

-- Whether a text can be a value. Any other text counts as absent.
local function isvalue(text)
  local size = #text
  return size > 0 and size % SIZE == 0 and size <= MAXSIZE
end

-- The entries of a value, as a list of id, first, second and third of each, and the latest first number. What cannot be read is left out.
local function decodevalue(text)
  if not isvalue(text) then
    unreadable = unreadable + 1
    return {}, 0
  end
  local size = #text
  local length = size / 7
  local entries = { unpacked(formats[size / SIZE] or formatof(size / SIZE), text) }
  -- The last result of unpack is a position.
  entries[length + 1] = nil
  local latest = 0
  for at = length - 3, 1, -4 do
    local first = entries[at + 1]
    if not isstate(first, entries[at + 2], entries[at + 3]) or isrepeated(entries, at) then
      unreadable = unreadable + 1
      remove(entries, at)
    elseif first > latest then
      latest = first
    end
  end
  return entries, latest
end

-- Where the entry of this id begins in the list; nil if there is none. Entries keep their place, so the place of the limit in its decision
-- is looked at first.
local function find(entries, id, place)
  local expected = 4 * place - 3
  if entries[expected] == id then
    return expected
  end
  for at = 1, #entries, 4 do
    if entries[at] == id then
      return at
    end
  end
  return nil
end

-- Until when the subject of a value is blocked (µs); 0 if it is not.
local function blockedby(entries)
  return entries[1] == BLOCK and entries[2] or 0
end

-- The latest first number.
local function latestof(entries)
  local latest = 0
  for at = 2, #entries, 4 do
    local first = entries[at]
    if first > latest then
      latest = first
    end
  end
  return latest
end

-- Removes the entries that have ended. Above 32 entries it removes those that expire first, except those of the decision at hand:
-- isneeded(needed, id) says which these are.
local function prune(entries, needed, isneeded)
  for at = #entries - 3, 1, -4 do
    if entries[at + 1] < micros - KEPTFOR then
      remove(entries, at)
    end
  end
  while #entries > 4 * MAXENTRIES do
    local earliest = nil
    for at = 1, #entries, 4 do
      if (not earliest or entries[at + 1] < entries[earliest + 1]) and entries[at] ~= BLOCK and not isneeded(needed, entries[at]) then
        earliest = at
      end
    end
    if not earliest then
      return
    end
    remove(entries, earliest)
    dropped = dropped + 1
  end
end

local function encodevalue(entries)
  local length = #entries
  return pack(formats[length / 4] or formatof(length / 4), unpack(entries, 1, length))
end

-- The time (ms) at which a key expires whose latest first number is this.
local function expiryof(latest)
  return fdiv(latest, 1000) + 1
end

-- The error in a reply of redis.pcall, which may be a number or a text; nil if there is none.
local function errorof(reply)
  return type(reply) == 'table' and reply.err or nil
end
