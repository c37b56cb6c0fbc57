-- Purpose: decides charges that only take units, under fixed windows, sliding windows and buckets. full.lua decides all others, and would
--   decide these too. Nearly all decisions are fast, and Lua takes nearly all of the server's time. So this script makes no table for a
--   decision, and formats no number as text.
-- KEYS: each state key of the batch, once; then the buckets of packed.lua.
-- ARGV[1]: JSON { limits, request, buckets }
--   limits: as the files of the algorithms describe them; no calendar windows
--   request: for each decision the number of its charges; then for each charge its limit, its key (both indexes from 1) and its cost.
--     Each charge of a decision has its own key.
--   buckets: as packed.lua describes them; absent for a store that does not pack
-- ARGV[2]: see testClock.lua
-- Reply: { micros, unreadable, error, answers }
--   micros: the time of the decisions
--   unreadable: how many states could not be read and counted as absent
--   error: of the write that ended the batch, or ''. Decisions without an answer did not run.
--   answers: one text. For each decision '1' (admitted) or '0', then the states before it, 24 bytes each, three NaN for an absent one; or
--     '2', 4 bytes of length, and the text of the error that the decision raised.
-- redis.calls: TIME; one MGET. For each key that a decision changes one SET, or one SETRANGE if only the second number changes; one PTTL
--   before the first SETRANGE. For packed states those of packed.lua. A refusal writes nothing.

local batch = cjson.decode(ARGV[1])
local limits, request = batch[1], batch[2]
local micros = now()
local ms = fdiv(micros, 1000)

-- values: by key, what is stored. entries: by key, the entry of a packed state.
local values, entries, unreadable = nil, nil, 0
if packed then
  values, entries, unreadable = packed.open(batch[3])
else
  -- MGET reads a key of another type as absent.
  values = redis.call('MGET', unpack(KEYS))
end

local ABSENT = string.rep('\255', 24)

-- By algorithm, a function of a state, a limit and a cost. It returns whether the cost is admitted, the numbers of the state after it (nil
-- if the state stays as it is), and when that state expires. The first and the third number alone determine the expiry. The counts of
-- windows are added and compared here: a function call for that would take 2 % of a decision.
local decide = {}

function decide.f(start, count, _, limit, cost)
  local quantity = limit[2]
  local current, units = rolledfixed(start, count, limit, ms)
  local after = units + cost
  if after > quantity then
    return false
  end
  return true, current, after, 0, fixedend(current, limit)
end

function decide.s(start, count, previous, limit, cost)
  local quantity, window = limit[2], limit[3]
  local current, units, before = rolledwindow(start, count, previous, window, ms)
  local weight = before > 0 and weightof(current, before, window, ms) or 0
  local after = units + cost
  if after + weight > quantity then
    return false
  end
  return true, current, after, before, current + 2 * window
end

function decide.b(full, rest, rate, limit, cost)
  local tokens = limit[2]
  local missing, remainder = deficitof(full, rest, rate, limit, micros)
  if not bucketadmits(missing, remainder, limit, cost) then
    return false
  end
  local after, left = drained(missing, remainder, limit, micros, cost)
  if not after then
    return true
  end
  return true, bucketstate(after, left, tokens)
end

-- The pieces of the reply's answers, their number, and the error that ended the batch.
local answers, answered, err = {}, 0, nil

-- By key, the second number of the state, where it differs from the one in values.
local seconds = {}

local function set(key, a, b, c, expiry)
  local text = encodestate(a, b, c)
  values[key], seconds[key] = text, nil
  if packed and entries[key] then
    return packed.write(entries[key], a, b, c)
  end
  return setwithexpiry(KEYS[key], text, expiry)
end

-- Writes the second number into its place, in half of the time of a SET. The key keeps its expiry. (A call of errorof would take 2 % of a
-- decision.)
local function setsecond(key, b)
  seconds[key] = b
  local reply = redis.pcall('SETRANGE', KEYS[key], '8', pack('>d', b))
  return type(reply) == 'table' and reply.err or nil
end

-- The state under a key: as text for the reply, and its numbers.
local function load(key)
  local text = values[key]
  if not text then
    return ABSENT
  end
  local a, b, c = decodestate(text)
  if not a then
    unreadable = unreadable + 1
    values[key] = false
    return ABSENT
  end
  if seconds[key] then
    b = seconds[key]
    text = encodestate(a, b, c)
  end
  return text, a, b, c
end

local hasaskedttl = false

-- Whether only the second number changes, so that the key keeps its expiry. Once a command, PTTL shows whether a key still has an expiry: a
-- key that another program made persistent is set again before long.
local function keepsexpiry(key, a, c, first, third)
  if first ~= a or third ~= c then
    return false
  end
  if hasaskedttl then
    return true
  end
  hasaskedttl = true
  if packed and entries[key] then
    -- packed.prepare asks for the bucket.
    return false
  end
  local left = redis.pcall('PTTL', KEYS[key])
  err = errorof(left)
  return left ~= -1
end

-- Decides a decision of one charge.
local function decideone(limitindex, key, cost)
  local limit = limits[limitindex]
  local text, a, b, c = load(key)
  local isallowed, first, second, third, expiry = decide[limit[1]](a, b, c, limit, cost)
  answers[answered + 1] = isallowed and '1' or '0'
  answers[answered + 2] = text
  if not first then
    return
  end
  local iskept = keepsexpiry(key, a, c, first, third)
  local entry = packed and entries[key]
  if entry and not iskept then
    err = packed.prepare(entry, first, expiry, micros, false)
  end
  if err then
    return
  end
  if iskept and not entry then
    err = setsecond(key, second)
  else
    err = set(key, first, second, third, expiry)
  end
end

-- For each charge of the decision at hand: its key, the numbers of the state after it, its expiry, and whether the key keeps its expiry.
local keysafter, firstsafter, secondsafter, thirdsafter, expiriesafter, arekept = {}, {}, {}, {}, {}, {}

-- Writes the states after a decision of several charges. The ACL may deny a command, and half of a decision must not stay. So what a bucket
-- needs comes first, then SET; a SETRANGE that is denied after a SET becomes a SET.
local function commit(charges)
  for j = 1, packed and charges or 0 do
    local entry = entries[keysafter[j]]
    if firstsafter[j] and entry and not arekept[j] and not err then
      err = packed.prepare(entry, firstsafter[j], expiriesafter[j], micros, false)
    end
  end
  local isset = false
  for j = 1, charges do
    if firstsafter[j] and not arekept[j] and not err then
      isset = true
      err = set(keysafter[j], firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j])
    end
  end
  for j = 1, charges do
    if arekept[j] and not err then
      local key = keysafter[j]
      if not packed then
        err = setsecond(key, secondsafter[j])
      end
      if packed or err and isset then
        err = set(key, firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j])
      end
    end
  end
end

-- Decides a decision of several charges, which begin behind the cursor.
local function decideseveral(charges, cursor)
  local isallowed = true
  answers[answered + 1] = '1'
  for j = 1, charges do
    local limit, key, cost = limits[request[cursor + 1]], request[cursor + 2], request[cursor + 3]
    cursor = cursor + 3
    local text, a, b, c = load(key)
    local isadmitted, first, second, third, expiry = decide[limit[1]](a, b, c, limit, cost)
    isallowed = isallowed and isadmitted
    keysafter[j], firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j] = key, first, second, third, expiry
    arekept[j] = first and keepsexpiry(key, a, c, first, third)
    answers[answered + 1 + j] = text
  end
  if isallowed then
    commit(charges)
  else
    answers[answered + 1] = '0'
  end
end

-- The place of the decision at hand in the request.
local position = 1

local function run()
  local size = #request
  while position <= size do
    local charges = request[position]
    if charges == 1 then
      decideone(request[position + 1], request[position + 2], request[position + 3])
    else
      decideseveral(charges, position)
    end
    if err then
      return
    end
    answered = answered + 1 + charges
    position = position + 1 + 3 * charges
  end
end

-- A decision that raises an error must not end the others of its batch.
repeat
  local isdone, thrown = pcall(run)
  if not isdone then
    local text = type(thrown) == 'table' and thrown.err or thrown
    answers[answered + 1], answers[answered + 2], answers[answered + 3] = '2', pack('>I4', #text), text
    answered = answered + 3
    position = position + 1 + 3 * request[position]
  end
until isdone
return { micros, unreadable, err or '', table.concat(answers, '', 1, answered) }
