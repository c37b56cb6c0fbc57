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

-- The pieces of the reply's answers, and their number.
local answers, answered = {}, 0

-- By number of entries, the beginning of an answer over one key, and the byte of the number.
local admitted, refused = { [0] = '1\0', '1\1', '1\2', '1\3', '1\4' }, { [0] = '0\0', '0\1', '0\2', '0\3', '0\4' }
local byte = string.char

local function headof(heads, verdict, count)
  local head = heads[count]
  if not head then
    head = format('%s%s', verdict, byte(count))
    heads[count] = head
  end
  return head
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
