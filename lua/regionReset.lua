-- Purpose: forgets what was counted of limits, here and, by the next record, in all regions. reset of packages/regions/src/steps.ts does the same.
-- KEYS: see regionStates.lua.
-- ARGV[1]: JSON { keep, subject... }
--   keep: µs; subject: { packed, shape... }; packed as in regionStates.lua, shapes as in regionWindows.lua
-- ARGV[2]: see testClock.lua
-- Reply: { micros, error }
-- redis.calls: TIME, MGET, SET, DEL, those of packed.lua. The value is written before the ledger: a reset that fails between them is one of this region only.

local request = cjson.decode(ARGV[1])
local keep = request[1]
local texts = readkeys(1, #KEYS)

-- The account of a limit that was reset. The versions of records stay, so that an earlier one is not applied again.
local function resetaccount(shape, entries, known)
  -- A reset is later than those before it, also where two clocks differ.
  local account, later = newaccount(), max(micros, known.reset + 1)
  for region, part in pairs(known.parts) do
    account.parts[region] = { version = part.version, first = 0, units = 0, before = 0, at = 0 }
  end
  account.reset, account.publishedreset = later, known.publishedreset
  if shape[1] == 'b' then
    account.ends = micros + 2 * keep
  else
    account.first = windowof(shape, readentry(entries, shape[2]), known).ends
    account.ends = account.first + shape[5] * 1000
  end
  return account
end

local function reset(subject)
  local states = openstates(subject[1], #subject - 1, texts)
  local entries, ledger = states.entries, states.ledger
  for i = 2, #subject do
    local id = subject[i][2]
    ledger.accounts[id] = resetaccount(subject[i], entries, ledger.accounts[id] or newaccount())
  end
  for i = 2, #subject do
    local shape = subject[i]
    writeentry(entries, shape[2], nil)
    if shape[1] == 'b' then
      writeentry(entries, shape[3], nil)
    end
  end
  return writestates(states) or writeledgers(states)
end

for i = 2, #request do
  local err = reset(request[i])
  if err then
    return { micros, err }
  end
end
return { micros, '' }
