-- Purpose: decides the limits whose entries are in one value, for fast.lua.
-- KEYS, ARGV, reply: see fast.lua.
-- redis.calls: none.

local sub, concat = string.sub, table.concat

-- For each limit of the set at hand: where its entry is in the value, and the numbers after it; four for each, the first its id.
local positions, after = {}, {}

-- The three parts of a value of which the middle changes.
local pieces = {}

-- Whether a limit of the set is one with this id.
local function hasid(set, id)
  for j = 1, #set do
    if set[j][2] == id then
      return true
    end
  end
  return false
end

-- Decides the limits of a set over a value that has other entries as well, or entries in another order, or that cannot be read. Returns as
-- decideset does.
local function search(set, text, costs)
  local found, latestbefore = decodevalue(text)
  local before = isvalue(text) and text or ''
  if blockedby(found) > micros then
    return before, false
  end
  local size, length = #set, #found
  for j = 1, size do
    local limit, own = set[j], 4 * j
    local id = limit[2]
    local at = find(found, id, j)
    local isadmitted, first, second, third
    if at then
      isadmitted, first, second, third = limit[1](limit, found[at + 1], found[at + 2], found[at + 3], request[costs + j])
    else
      isadmitted, first, second, third = limit[1](limit, nil, nil, nil, request[costs + j])
    end
    if not isadmitted then
      return before, false
    end
    if not at then
      at = length + 1
      length = length + 4
    end
    positions[j] = at
    after[own - 3], after[own - 2], after[own - 1], after[own] = id, first, second, third
  end
  for j = 1, size do
    local at, own = positions[j], 4 * j
    found[at], found[at + 1], found[at + 2], found[at + 3] = after[own - 3], after[own - 2], after[own - 1], after[own]
  end
  local latest = latestof(found)
  if latest == latestbefore and 7 * length == #before then
    return before, true, encodevalue(found), latest, true
  end
  prune(found, set, hasid)
  return before, true, encodevalue(found), latestof(found), false
end

-- How many bytes of a value are before the entry of this id; nil if it has none, or begins with a block, which only search reads.
local function bytesbefore(text, id)
  for before = 0, #text - SIZE, SIZE do
    local other = unpacked('>I4', text, before + 1)
    if other == id then
      return before
    elseif other == BLOCK then
      return nil
    end
  end
  return nil
end

-- The latest first number of the entries that are not between these bytes.
local function latestoutside(text, from, to)
  local latest = 0
  for before = 0, #text - SIZE, SIZE do
    if before < from or before >= to then
      local _, first = unpacked('>I4d', text, before + 1)
      -- Not what cannot be read.
      if first > latest and first <= MAX then
        latest = first
      end
    end
  end
  return latest
end

-- Decides the limits of a set, whose costs are behind this place of the request. Returns the value before; whether all are admitted; and the
-- value after, its latest first number, and whether the key can keep its expiry. A refusal needs no other limit. Mostly the entries of the
-- set are all of the value, or lie together in it, in their order.
local function decideset(set, key, costs)
  local text, size = values[key], #set
  local isshared = text and #text ~= SIZE * size
  local before = isshared and bytesbefore(text, set[1][2]) or 0
  if isshared and (not isvalue(text) or before + SIZE * size > #text) then
    return search(set, text, costs)
  end
  local latestbefore, latest, isunmoved = 0, 0, true
  for j = 1, size do
    local limit = set[j]
    local id, first, second, third = limit[2], nil, nil, nil
    if text then
      id, first, second, third = unpacked(ENTRY, text, before + SIZE * j - 27)
      if id ~= limit[2] or not isstate(first, second, third) then
        return search(set, text, costs)
      end
      if first > latestbefore then
        latestbefore = first
      end
    end
    local isadmitted, a, b, c = limit[1](limit, first, second, third, request[costs + j])
    if not isadmitted then
      return text or '', false
    end
    if a > latest then
      latest = a
    end
    isunmoved = isunmoved and a == first
    local own = 4 * j
    after[own - 3], after[own - 2], after[own - 1], after[own] = id, a, b, c
  end
  local value = pack(formats[size] or formatof(size), unpack(after, 1, 4 * size))
  if not isshared then
    return text or '', true, value, latest, latest == latestbefore
  end
  if not isunmoved then
    -- The other entries may end later. Otherwise the expiry changes, and entries that have ended are left out.
    local others = latestoutside(text, before, before + SIZE * size)
    if others < latestbefore or others < latest then
      return search(set, text, costs)
    end
  end
  -- Not by format, which ends a text at its first zero byte.
  pieces[1], pieces[2], pieces[3] = sub(text, 1, before), value, sub(text, before + SIZE * size + 1)
  return text, true, concat(pieces), latest, true
end
