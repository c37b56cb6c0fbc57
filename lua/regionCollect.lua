-- Purpose: collects what this region has counted and others must hear of, and marks it as published. packages/regions/src/steps.ts does the same.
-- KEYS: see regionStates.lua.
-- ARGV[1]: JSON { terms, subject... }
--   terms: { interval (µs), urgent, minimum, keep (µs), regions }
--   subject: { forced, packed, shape... }; forced 1 to publish what was published; packed as in regionStates.lua, shapes as in
--     regionWindows.lua
-- ARGV[2]: see testClock.lua
-- Reply: { micros, error, subject... }
--   subject: { result, version, entry... }; result 0 nothing, 1 later, 2 a record. entry: { shape, reset, start, units, before }, shape an index
--     from 1.
-- redis.calls: TIME, MGET, SET, DEL, HMGET. Out of memory is refused at the first write, after which no subject is marked.

local AGAIN = 10000000

local request = cjson.decode(ARGV[1])
local numbers = request[1]
local terms = { interval = numbers[1], urgent = numbers[2], minimum = numbers[3], keep = numbers[4], regions = numbers[5] }
local texts = readkeys(1, #KEYS)
local replies = { micros, '' }

-- Whether what changed is published now, and the result otherwise.
local function isdue(list, shapes, accounts)
  -- Long ago for one of them is long ago: another process may have published the others only.
  local oldest, oldestchange, isurgent = math.huge, math.huge, false
  for i, own in ipairs(list) do
    local shape = shapes[i]
    oldest = min(oldest, accounts[i].publishedat)
    oldestchange = own.ischanged and min(oldestchange, accounts[i].publishedat) or oldestchange
    isurgent = isurgent or own.unpublished >= terms.urgent * (shape[6] == 0 and shape[4] or shape[6])
  end
  if oldestchange == math.huge then
    return micros - oldest >= AGAIN, 0
  end
  return micros - oldestchange >= terms.interval / 2 or isurgent, 1
end

local function collect(subject)
  local states = openstates(subject[2], #subject - 2, texts)
  local entries, ledger = states.entries, states.ledger
  local list, shapes, accounts, indexes = {}, {}, {}, {}
  local islarge = false
  for i = 3, #subject do
    local shape = subject[i]
    local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
    local own = ownof(shape, entries, account, terms)
    if not own.isempty then
      list[#list + 1], shapes[#shapes + 1], accounts[#accounts + 1], indexes[#indexes + 1] = own, shape, account, i - 2
      islarge = islarge or not own.issmall
    end
  end
  if not islarge then
    return { 0 }
  end
  if subject[1] ~= 1 then
    local due, result = isdue(list, shapes, accounts)
    if not due then
      return { result }
    end
  end
  ledger.version = max(ledger.version + 1, micros)
  local reply = { 2, ledger.version }
  for i, own in ipairs(list) do
    local account = accounts[i]
    account.published, account.publishedbefore, account.publishedreset = own.units, shapes[i][1] == 'b' and account.publishedbefore or own.before, own.reset
    account.publishedat = micros
    ledger.accounts[shapes[i][2]] = account
    reply[#reply + 1] = { indexes[i], own.reset, own.start, own.units, own.before }
  end
  return reply, writeledgers(states)
end

for i = 2, #request do
  local reply, err = collect(request[i])
  if err then
    replies[2] = err
    break
  end
  replies[#replies + 1] = reply
end
return replies
