-- Purpose: applies what another region has counted: state and ledger change in one step. packages/regions/src/steps.ts does the same.
-- KEYS: see regionStates.lua.
-- ARGV[1]: JSON { terms, region, at, record... }
--   terms: as in regionCollect.lua; region: the id of the sender; at: when it sent this, ms
--   record: { version, packed, { shape, reset, start, units, before }... }; packed as in regionStates.lua, shapes as in regionWindows.lua
-- ARGV[2]: see testClock.lua
-- Reply: { micros, error, record... }
--   record: { result, wait, late, ahead, over, forgiven, unpublished }; result 0 old, 1 early, 2 done; wait in ms
-- redis.calls: TIME, MGET, SET, DEL, those of packed.lua. The value is written before the ledger: units that are counted twice are better than units that are lost.

local request = cjson.decode(ARGV[1])
local numbers, region, sentat = request[1], request[2], request[3]
local terms = { interval = numbers[1], urgent = numbers[2], minimum = numbers[3], keep = numbers[4], regions = numbers[5] }
local replies = { micros, '' }

-- Applies one entry of a record to copies of what it changes.
local function applyentry(item, entries, ledger, version)
  local shape = item[1]
  local record = { reset = item[2], start = item[3], units = item[4], before = item[5] }
  local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
  local last = account.parts[region]
  if last and version <= last.version then
    return { result = 'old' }
  end
  local source = { region = region, version = version, at = sentat }
  local state = readentry(entries, shape[2])
  local result, wait, after, over, forgiven, taken
  if shape[1] == 'b' then
    result, wait, after, over, forgiven, taken = applybucket(shape, state, readentry(entries, shape[3]), account, record, source, terms)
  else
    result, wait, after, over, forgiven = applywindow(shape, state, account, record, source)
  end
  return { shape = shape, result = result, wait = wait, after = after, over = over, forgiven = forgiven, taken = taken, account = account }
end

local function apply(record)
  -- A subject may be in several records, so each reads what those before it wrote.
  local states = openstates(record[2], #record - 2)
  local entries, ledger = states.entries, states.ledger
  local applied, isold, wait = {}, true, 0
  for i = 3, #record do
    local each = applyentry(record[i], entries, ledger, record[1])
    isold = isold and each.result == 'old'
    wait = each.result == 'early' and max(wait, each.wait) or wait
    applied[#applied + 1] = each
  end
  if wait > 0 then
    return { 1, wait, 0, 0, 0, 0, 0 }
  elseif isold then
    return { 0, 0, 0, 0, 0, 0, 0 }
  end
  local late, ahead, over, forgiven, isdone = 0, 0, 0, 0, false
  for _, each in ipairs(applied) do
    if each.result == 'done' then
      isdone = true
      writeentry(entries, each.shape[2], each.after)
      if each.shape[1] == 'b' then
        writeentry(entries, each.shape[3], each.taken)
      end
      ledger.accounts[each.shape[2]] = each.account
      over, forgiven = over + each.over, forgiven + each.forgiven
    end
    late = late + (each.result == 'late' and 1 or 0)
    ahead = ahead + (each.result == 'ahead' and 1 or 0)
  end
  local unpublished = 0
  for i = 3, #record do
    local shape = record[i][1]
    local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
    unpublished = ownof(shape, entries, account, terms).ischanged and 1 or unpublished
  end
  local err = isdone and (writestates(states) or writeledgers(states)) or nil
  return { 2, 0, late, ahead, over, forgiven, unpublished }, err
end

for i = 4, #request do
  local reply, err = apply(request[i])
  if err then
    replies[2] = err
    break
  end
  replies[#replies + 1] = reply
end
return replies
