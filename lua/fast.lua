-- Purpose: decides charges that only take units, under fixed windows, sliding windows and buckets. full.lua decides all others, and would
--   decide these too. Nearly all decisions are fast, and Lua takes nearly all of the server's time. So this script formats no number as
--   text, and makes no table for a decision whose entries are all of a value, in their places.
-- KEYS: each state key of the batch, once; then the buckets of packed.lua.
-- ARGV[1]: JSON { limits, sets, request, buckets }
--   limits: as the files of the algorithms describe them; no calendar windows
--   sets: lists of limits (indexes from 1) whose entries are in one value. Each has its own id.
--   request: for each decision the number of its set, of its key (both from 1), and the cost of each limit. Before a decision over several
--     keys, -n: then n times set, key and costs. Each key of a decision is another.
--   buckets: as packed.lua describes them; absent for a store that does not pack
-- ARGV[2]: see testClock.lua
-- Reply: { micros, unreadable, dropped, error, answers }
--   micros: the time of the decisions
--   unreadable, dropped: how many states could not be read and counted as absent, or were dropped from a value with too many
--   error: of the write that ended the batch, or ''. Decisions without an answer did not run.
--   answers: one text. For each decision '1' (admitted) or '0', then for each of its keys a byte with the number of entries, and the value
--     before it; or '2', 4 bytes of length, and the text of the error that the decision raised.
-- redis.calls: TIME; one MGET. For each key that a decision changes one SET, or one SETRANGE if the key keeps its expiry; one PTTL before
--   the first SETRANGE. For packed states those of packed.lua. A refusal writes nothing.

local batch = cjson.decode(ARGV[1])
local limits, sets, request = batch[1], batch[2], batch[3]

-- The letter of each limit becomes its function.
for i = 1, #limits do
  local limit = limits[i]
  local letter = limit[1]
  if prepare[letter] then
    prepare[letter](limit)
  end
  limit[1] = charge[letter]
end
-- The indexes of each set become its limits.
for i = 1, #sets do
  local set = sets[i]
  for j = 1, #set do
    set[j] = limits[set[j]]
  end
end

-- values: by key, what is stored. entries: by key, the entry of a packed state.
local values, entries = nil, nil
if packed then
  values, entries = packed.open(batch[4])
else
  -- MGET reads a key of another type as absent.
  values = redis.call('MGET', unpack(KEYS))
end
-- A local is read faster than a global.
local names = KEYS

-- The pieces of the reply's answers, their number, and the error that ended the batch.
local answers, answered, err = {}, 0, nil

-- By number of entries, the beginning of an answer over one key, and the byte of the number.
local admitted, refused = { [0] = '1\0', '1\1', '1\2', '1\3', '1\4' }, { [0] = '0\0', '0\1', '0\2', '0\3', '0\4' }
local byte, sub, concat = string.char, string.sub, table.concat

local function headof(heads, verdict, count)
  local head = heads[count]
  if not head then
    head = format('%s%s', verdict, byte(count))
    heads[count] = head
  end
  return head
end

local hasaskedttl = false

-- Asks once a command, before the first write that keeps an expiry, whether the key has one: a key that another program made persistent is set
-- again before long.
local function keepsexpiry(key)
  hasaskedttl = true
  local left = redis.pcall('PTTL', KEYS[key])
  err = errorof(left)
  return left ~= -1
end

-- Writes a value. One that keeps the expiry of the key, and has the length of the value before, is written over it in half of the time of a
-- SET. The error; nil if it was written.
local function write(key, text, latest, iskept)
  values[key] = text
  if iskept then
    -- A call of errorof would take 2 % of a decision.
    local reply = redis.pcall('SETRANGE', names[key], '0', text)
    return type(reply) == 'table' and reply.err or nil
  end
  return setwithexpiry(names[key], text, expiryof(latest))
end

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

-- How many bytes of a value are before the entry of this id; nil if it has none.
local function bytesbefore(text, id)
  for before = 0, #text - SIZE, SIZE do
    if unpacked('>I4', text, before + 1) == id then
      return before
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

-- Writes a packed state.
local function writepacked(entry, key, first, second, third)
  err = packed.prepare(entry, first, false)
  if not err then
    values[key] = pack(ENTRY, 0, first, second, third)
    err = packed.write(entry, first, second, third)
  end
end

local function answer(isallowed, text)
  local count = #text / SIZE
  answers[answered + 1] = isallowed and headof(admitted, '1', count) or headof(refused, '0', count)
  answers[answered + 2] = text
end

-- Decides a decision over one key.
local function decide(set, key, costs)
  local text, isallowed, value, latest, iskept = decideset(set, key, costs)
  answer(isallowed, text)
  if isallowed then
    iskept = iskept and (hasaskedttl or keepsexpiry(key))
    err = err or write(key, value, latest, iskept)
  end
end

-- Decides a decision of one limit.
local function decideone(set, key, costs)
  local text, limit = values[key], set[1]
  local first, second, third = nil, nil, nil
  if text then
    local id = nil
    if #text == SIZE then
      id, first, second, third = unpacked(ENTRY, text)
    end
    if id ~= limit[2] or not isstate(first, second, third) then
      decide(set, key, costs)
      return
    end
  end
  local isallowed, a, b, c = limit[1](limit, first, second, third, request[costs + 1])
  if text then
    answers[answered + 1], answers[answered + 2] = isallowed and '1\1' or '0\1', text
  else
    answers[answered + 1], answers[answered + 2] = isallowed and '1\0' or '0\0', ''
  end
  if not isallowed then
    return
  end
  if packed and entries[key] then
    writepacked(entries[key], key, a, b, c)
    return
  end
  local iskept = a == first and (hasaskedttl or keepsexpiry(key))
  err = err or write(key, pack(ENTRY, limit[2], a, b, c), a, iskept)
end

-- For each key of the decision at hand: the key, its value after, the latest first number, and whether the key keeps its expiry.
local keysafter, valuesafter, latestafter, arekept = {}, {}, {}, {}

-- Writes the values after a decision over several keys. The ACL may deny a command, and half of a decision must not stay. So SET comes first,
-- and a SETRANGE that is denied after a SET becomes a SET.
local function commit(count)
  for i = 1, count do
    arekept[i] = arekept[i] and not err and (hasaskedttl or keepsexpiry(keysafter[i]))
  end
  local isset = false
  for i = 1, count do
    if not arekept[i] and not err then
      isset = true
      err = write(keysafter[i], valuesafter[i], latestafter[i], false)
    end
  end
  for i = 1, count do
    if arekept[i] and not err then
      err = write(keysafter[i], valuesafter[i], latestafter[i], true)
      if err and isset then
        err = write(keysafter[i], valuesafter[i], latestafter[i], false)
      end
    end
  end
end

-- Decides a decision over several keys. Returns the place behind it in the request.
local function decideseveral(count, place)
  local isallowed, first = true, answered
  answers[first + 1] = '1'
  for i = 1, count do
    local set, key = sets[request[place]], request[place + 1]
    local text, isadmitted, value, latest, iskept = decideset(set, key, place + 1)
    keysafter[i], valuesafter[i], latestafter[i], arekept[i] = key, value, latest, iskept
    isallowed = isallowed and isadmitted
    answers[first + 2 * i], answers[first + 2 * i + 1] = byte(#text / SIZE), text
    place = place + 2 + #set
  end
  if isallowed then
    commit(count)
  else
    answers[first + 1] = '0'
  end
  return place
end

-- The place of the decision at hand in the request, and of the one behind it.
local position, following = 1, 1

local function run()
  local size = #request
  while position <= size do
    local index = request[position]
    if index > 0 then
      local set = sets[index]
      local count = #set
      following = position + 2 + count
      if count == 1 then
        decideone(set, request[position + 1], position + 1)
      else
        decide(set, request[position + 1], position + 1)
      end
      if err then
        return
      end
      answered = answered + 2
    else
      following = nil
      following = decideseveral(-index, position + 1)
      if err then
        return
      end
      answered = answered + 1 - 2 * index
    end
    position = following
  end
end

-- The place behind a decision over several keys.
local function behind(place)
  local count, cursor = -request[place], place + 1
  for _ = 1, count do
    cursor = cursor + 2 + #sets[request[cursor]]
  end
  return cursor
end

-- A decision that raises an error must not end the others of its batch.
repeat
  local isdone, thrown = pcall(run)
  if not isdone then
    local text = type(thrown) == 'table' and thrown.err or thrown
    answers[answered + 1], answers[answered + 2], answers[answered + 3] = '2', pack('>I4', #text), text
    answered = answered + 3
    position = following or behind(position)
  end
until isdone
return { micros, unreadable, dropped, err or '', table.concat(answers, '', 1, answered) }
