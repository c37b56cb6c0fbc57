-- Purpose: reads the request and the states of a batch, and writes states, for fast.lua.
-- KEYS, ARGV, reply: see fast.lua.
-- redis.calls: one MGET; for each key that a decision changes one SET, or one SETRANGE if the key keeps its expiry; one PTTL before the first
--   SETRANGE. For packed states those of packed.lua.

local batch = cjson.decode(ARGV[1])
local limits, sets, request = batch[1], batch[2], batch[3]

-- The letter of each limit becomes its function.
for i = 1, #limits do
  local limit = limits[i]
  local letter = limit[1]
  if prepare[letter] then
    prepare[letter](limit)
  end
  limit[1] = chargeof(limit)
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
  values, entries = packed.open(batch[4], 0)
else
  -- MGET reads a key of another type as absent.
  values = redis.call('MGET', unpack(KEYS))
end
-- A local is read faster than a global.
local names = KEYS

-- The error that ended the batch.
local err = nil

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
