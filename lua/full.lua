-- Purpose: decides a batch of decisions of any kind, in order. Each is all or nothing, and sees the decisions before it. Last part of its
--   script.
-- KEYS: each state key of the batch, and the key of the lease ledger beside it where a charge has lease terms, once; then the buckets of
--   packed.lua.
-- ARGV[1]: JSON { limits, decisions, setcount, buckets }
--   limits: as the files of the algorithms describe them
--   decision: { operation, atleast, charge... }; operation 0 charge, 1 force, 2 peek, 3 reset, 4 block. With atleast, 1 or more, all charges take the
--     same number of units, up to their cost: the least that one of them has, but at least atleast. With atleast below 0, each charge takes what it
--     has, but at least -atleast.
--   charge: { limit, key, cost, receipt, holder, terms, blockkey }. limit and key are indexes from 1; keys of packed states are numbered behind all
--     KEYS. cost in units. receipt as the algorithm's file describes it. holder is the id of a new concurrency holder. terms are those of a
--     lease, as leases.lua describes them, absent or false for other charges. blockkey is the key of the value that has the block of the
--     subject, absent where that is key. To block, cost is in ms, 0 to end a block, below 0 to read it, and key that of a value.
--   setcount: how many of the keys of states are sets: the last ones
--   buckets: as packed.lua describes them; absent for a store that does not pack
-- ARGV[2]: see testClock.lua
-- Reply: { micros, unreadable, dropped, error, decision... }
--   micros: the time of the decisions
--   unreadable, dropped: how many states could not be read and counted as absent, or were dropped from a value with too many
--   error: of the write that ended the batch, or ''. Decisions without a reply did not run.
--   decision: { verdict, state..., ledger... }. verdict 1 admitted, 0 refused, 2 blocked, -1 the calendar windows were computed for another time, -2
--     the decision raised an error, whose text follows. Nothing was charged unless it is 1. The states and ledgers are those before the
--     decision, one for each charge; a ledger only for a charge with terms. A window, a bucket and a ledger come as the whole value, '' for
--     an absent one and for each charge but the first on its key; other states as a list, empty for an absent one. After 2, and after 1 of
--     operation 4: for each charge, until when its subject was blocked before (µs), 0 for none.
-- redis.calls: TIME; those of batch.lua and blocks.lua. A refusal and a peek write nothing.

local abs = math.abs

for _, limit in ipairs(limits) do
  local letter = limit[1]
  if prepare[letter] then
    prepare[letter](limit)
  end
end

-- The state after a charge (nil if it stays as it is), whether the charge is admitted, and the units that it took (below 0: gave back). most
-- bounds the units of a lease; it is nil for other charges.
local function step(charge, cost, state, operation, atleast, most)
  local limit, receipt, holder = limits[charge[1]], charge[4], charge[5]
  local algorithm = algorithms[limit[1]]
  if cost < 0 then
    if operation == PEEK then
      return nil, true
    end
    local after, units = algorithm.giveback(limit, state, min(-cost, most or MAX), receipt)
    return after, true, -(units or 0)
  end
  local facts = { receipt = receipt, holder = holder }
  -- A renewal needs a live holder: it cannot be forced, and no part of it can be granted.
  local isrenewal = algorithm.renews and cost > 0 and receipt[1] ~= nil
  local isadmitted, after = false, nil
  if cost <= (most or MAX) then
    isadmitted, after = algorithm.charge(limit, state, cost, facts, operation == FORCE and not isrenewal)
  end
  if not isadmitted then
    local available = min(algorithm.available(limit, state), most or MAX)
    if isrenewal or atleast < 1 or cost < 1 or available < atleast then
      return nil, false
    end
    cost = min(cost, available)
    isadmitted, after = algorithm.charge(limit, state, cost, facts, true)
  end
  return cost > 0 and after or nil, isadmitted, cost
end

-- How many charges of a decision have each key.
local function countkeys(decision)
  local counts = {}
  for i = 3, #decision do
    local key = decision[i][2]
    counts[key] = (counts[key] or 0) + 1
  end
  return counts
end

-- A value in a reply: '' for all but the first of a decision.
local function valueinreply(key, isreplied)
  listof(key)
  local text = not isreplied[key] and values[key] or ''
  isreplied[key] = true
  return text
end

-- Whether a part of the cost can be granted.
local function ispart(charge)
  local cost, receipt = charge[3], charge[4]
  return cost > 1 and receipt[1] == nil
end

-- The reply, the changes, whether each charge is admitted, and the least and the most units that one took of which a part can be granted. No
-- charge takes more than cap units.
local function attempt(decision, cap)
  local operation, atleast = decision[1], abs(decision[2])
  local reply, ledgers, changes, isreplied = { 1 }, {}, newchanges(), {}
  local counts = countkeys(decision)
  local isallowed, least, largest = true, MAX, 0
  for i = 3, #decision do
    local charge = decision[i]
    local limit, key, cost, receipt, terms = limits[charge[1]], charge[2], charge[3], charge[4], charge[6]
    local iscapped = ispart(charge)
    if iscapped and cost > cap then
      cost = cap
    end
    local algorithm, id, place = algorithms[limit[1]], limit[2], i - 2
    if algorithm.isready and not algorithm.isready(limit) then
      return { -1 }
    end
    local state
    if algorithm.isentry then
      state = entryof(changes, key, id, place)
      reply[#reply + 1] = valueinreply(key, isreplied)
    elseif algorithm.isset then
      local stored = openset(key, algorithm, counts[key])
      state = changes.states[key] and changes.states[key][1] or stored
      reply[#reply + 1] = algorithm.toreply(stored, decision, key)
    else
      local stored = stateof(key, algorithm)
      local facts = { cost = cost, atleast = atleast, receipt = receipt }
      state = changes.states[key] and changes.states[key][1] or stored
      reply[#reply + 1] = stored and algorithm.toreply(limit, stored, facts, counts[key] > 1) or {}
    end
    local ledgerkey, most, ledger = nil, nil, nil
    if terms then
      ledgerkey = terms[1]
      ledger = leases.read(entryof(changes, ledgerkey, id, place), terms)
      ledgers[#ledgers + 1] = valueinreply(ledgerkey, isreplied)
      most = leases.most(ledger, terms, cost)
    end
    local after, isadmitted, units = step(charge, cost, state, operation, atleast, most)
    if iscapped and isadmitted then
      least, largest = min(least, units), max(largest, units)
    end
    if not isadmitted then
      isallowed = false
    elseif after and operation ~= PEEK then
      if algorithm.isentry then
        local taken = algorithm.taken and limit[8] and algorithm.taken(limit, entryof(changes, key, limit[8], 1), units, state, after)
        setentry(changes, key, id, place, after)
        if taken then
          setentry(changes, key, limit[8], 1, taken)
        end
      else
        markchanged(changes, key, 'states')
        changes.states[key] = { after, limit }
      end
      if terms and units ~= 0 then
        setentry(changes, ledgerkey, id, place, leases.count(ledger, terms, units))
      end
    end
  end
  reply[1] = isallowed and 1 or 0
  for _, ledger in ipairs(ledgers) do
    reply[#reply + 1] = ledger
  end
  return reply, changes, isallowed, least, largest
end

local function decide(decision)
  local blocked = hasblocks and replyofblocked(decision)
  if blocked then
    return blocked
  end
  local operation, atleast = decision[1], decision[2]
  local reply, changes, isallowed, least, largest = attempt(decision, MAX)
  -- What one charge has less of, none takes more of. Each lease is granted by itself.
  if atleast >= 1 and largest > least and isallowed and operation ~= FORCE then
    reply, changes, isallowed = attempt(decision, least)
  end
  return reply, isallowed and commit(writesof(changes, decision)) or nil
end

-- Decides a decision of one charge on a set, as decide does, in two thirds of its time.
local function decideset(decision)
  local blocked = hasblocks and replyofblocked(decision)
  if blocked then
    return blocked
  end
  local operation, atleast, charge = decision[1], abs(decision[2]), decision[3]
  local limit, key = limits[charge[1]], charge[2]
  local algorithm = algorithms[limit[1]]
  local set = openset(key, algorithm, 1)
  local reply = algorithm.toreply(set, decision, key)
  local after, isadmitted = step(charge, charge[3], set, operation, atleast, nil)
  local err = nil
  if after and operation ~= PEEK then
    err = algorithm.add(after) or algorithm.remove(after)
    states[key] = algorithm.written(after)
  end
  return { isadmitted and 1 or 0, reply }, err
end

local function removeentry(list, id, place)
  local at = find(list, id, place)
  if at then
    remove(list, at)
  end
end

-- Removes the states of the limits. A key is deleted only if nothing that counts is left in it: other limits share it. The reply is that of a
-- peek before.
local function reset(decision)
  local reply = attempt(decision, MAX)
  if reply[1] < 0 then
    return reply
  end
  local changes, writes = newchanges(), {}
  for i = 3, #decision do
    local limit, key = limits[decision[i][1]], decision[i][2]
    if algorithms[limit[1]].isentry and not entries[key] then
      local list = changedlist(changes, key)
      removeentry(list, limit[2], i - 2)
      if algorithms[limit[1]].taken and limit[8] then
        removeentry(list, limit[8], 1)
      end
    else
      states[key], isdecoded[key], lists[key], values[key] = nil, true, {}, false
      writes[#writes + 1] = { key, false }
    end
  end
  for _, key in ipairs(changes.keys) do
    writes[#writes + 1] = writeoflist(key, changes.lists[key], decision)
  end
  return reply, commit(writes)
end

-- The function for a decision.
local function functionof(decision)
  if decision[1] == RESET then
    return reset
  elseif decision[1] == SETBLOCK then
    return block
  end
  return #decision == 3 and algorithms[limits[decision[3][1]][1]].isset and decideset or decide
end

local replies = { micros, 0, 0, '' }
for _, decision in ipairs(decisions) do
  -- A decision that raises an error must not end the others of its batch.
  local isdone, reply, err = pcall(functionof(decision), decision)
  if not isdone then
    -- Since Redis 7, the error of a command is a table.
    reply, err = { -2, type(reply) == 'table' and reply.err or reply }, nil
  end
  if err then
    replies[4] = err
    break
  end
  replies[#replies + 1] = reply
end
replies[2], replies[3] = unreadable, dropped
return replies
