-- Purpose: decides a batch of decisions of any kind, in order. Each is all or nothing, and sees the decisions before it. Last part of its
--   script.
-- KEYS: each state key of the batch, and the key of the lease ledger beside it where a charge has lease terms, once; then the buckets of
--   packed.lua.
-- ARGV[1]: JSON { limits, decisions, buckets }
--   limits: as the files of the algorithms describe them
--   decision: { operation, atleast, charge... }; operation 0 charge, 1 force, 2 peek, 3 reset
--   charge: { limit, key, cost, receipt, holder, terms }. limit and key are indexes from 1; keys of packed states are numbered behind all
--     KEYS. cost in units. receipt as the algorithm's file describes it. holder is the id of a new concurrency holder. terms are those of a
--     lease, as leases.lua describes them, absent for other charges.
--   buckets: as packed.lua describes them; absent for a store that does not pack
-- ARGV[2]: see testClock.lua
-- Reply: { micros, unreadable, error, decision... }
--   micros: the time of the decisions
--   unreadable: how many states could not be read and counted as absent
--   error: of the write that ended the batch, or ''. Decisions without a reply did not run.
--   decision: { verdict, state..., ledger... }. verdict 1 admitted, 0 refused, -1 the calendar windows were computed for another time, -2
--     the decision raised an error, whose text follows. Nothing was charged unless it is 1. The states and ledgers are those before the
--     decision, one for each charge, empty for an absent one; a ledger only for a charge with terms.
-- redis.calls: TIME; MGET, once for each 1,000 keys; one SET or DEL for each key that a decision changes; for packed states those of
--   packed.lua. A refusal and a peek write nothing.

local FORCE, PEEK, RESET = 1, 2, 3

local batch = cjson.decode(ARGV[1])
local limits, decisions, buckets = batch[1], batch[2], batch[3] or { 0 }
local micros = now()

-- values: by key, what is stored. entries: by key, the entry of a packed state.
local values, entries, unreadable = packed.open(buckets)
-- By key, the state after the decisions so far, and whether its value has been decoded.
local states, isdecoded = {}, {}

local function load(key, codec)
  if not isdecoded[key] then
    isdecoded[key] = true
    if values[key] then
      states[key] = codec.decode(values[key])
      if not states[key] then
        unreadable = unreadable + 1
      end
    end
  end
  return states[key]
end

local function delete(key)
  if entries[key] then
    return packed.remove(entries[key])
  end
  return errorof(redis.pcall('DEL', KEYS[key]))
end

-- The state after a charge (nil if it stays as it is), whether the charge is admitted, and the units that it took (below 0: gave back). most
-- bounds the units of a lease; it is nil for other charges.
local function step(charge, state, operation, atleast, most)
  local limit, cost, receipt, holder = limits[charge[1]], charge[3], charge[4], charge[5]
  local algorithm = algorithms[limit[1]]
  local view = algorithm.read(state, limit, micros)
  if cost < 0 then
    if operation == PEEK then
      return nil, true
    end
    local after, units = algorithm.giveback(view, limit, micros, min(-cost, most or MAX), receipt)
    return after, true, -(units or 0)
  end
  local facts = { receipt = receipt, holder = holder }
  -- A renewal needs a live holder: it cannot be forced, and no part of it can be granted.
  local isrenewal = algorithm.renews and cost > 0 and receipt[1] ~= nil
  local admits = cost <= (most or MAX) and algorithm.admits(view, limit, micros, cost, facts)
  if not admits and (operation ~= FORCE or isrenewal) then
    local available = min(algorithm.available(view, limit, micros), most or MAX)
    if isrenewal or atleast < 1 or cost < 1 or available < atleast then
      return nil, false
    end
    cost = min(cost, available)
  end
  if cost == 0 then
    return nil, true, 0
  end
  return algorithm.take(view, limit, micros, cost, facts), true, cost
end

-- The changes of the decision at hand: by key, { state, codec, limit }; and the keys in order.
local function newchanges()
  return { bykey = {}, keys = {} }
end

local function change(changes, key, state, codec, limit)
  if not changes.bykey[key] then
    changes.keys[#changes.keys + 1] = key
  end
  changes.bykey[key] = { state = state, codec = codec, limit = limit }
end

-- The state of a key with the changes of the decision so far.
local function latest(changes, key, state)
  return changes.bykey[key] and changes.bykey[key].state or state
end

-- Makes the packed entries ready to be written.
local function prepareentries(writes, issetting)
  for _, write in ipairs(writes) do
    local key, value, expiry = write[1], write[2], write[3]
    local entry = value and entries[key]
    local err = entry and packed.prepare(entry, decodestate(value), expiry, micros, issetting) or nil
    if err then
      return err
    end
  end
  return nil
end

local function writeentries(writes)
  for _, write in ipairs(writes) do
    local key, value = write[1], write[2]
    local entry = value and entries[key]
    local err = entry and packed.write(entry, decodestate(value)) or nil
    if err then
      return err
    end
  end
  return nil
end

-- Writes { key, value, expiry } each; a key whose value is false is deleted. Half of a decision must not stay, so all that can raise an
-- error is done before. Redis itself refuses only the first write of a script. The ACL may deny a command, so the order is DEL, what shows
-- that HSET is allowed, SET, HSET.
local function commit(writes)
  local issetting, ispacking = false, false
  for _, write in ipairs(writes) do
    local key, value = write[1], write[2]
    local err = not value and delete(key) or nil
    if err then
      return err
    end
    issetting = issetting or value and not entries[key]
    ispacking = ispacking or value and entries[key]
  end
  local err = ispacking and prepareentries(writes, issetting) or nil
  if err then
    return err
  end
  for _, write in ipairs(writes) do
    local key, value, expiry = write[1], write[2], write[3]
    err = value and not entries[key] and setwithexpiry(KEYS[key], value, expiry) or nil
    if err then
      return err
    end
  end
  return ispacking and writeentries(writes) or nil
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

-- The writes that store the changes, which become the states of later decisions. A state that has expired is deleted.
local function writesof(changes)
  local writes = {}
  for _, key in ipairs(changes.keys) do
    local changed = changes.bykey[key]
    local value, expiry = changed.codec.encode(changed.state, changed.limit, micros)
    local islive = MINLIFETIME > 0 or expiry * 1000 > micros
    writes[#writes + 1] = { key, islive and value, expiry }
  end
  for _, key in ipairs(changes.keys) do
    states[key] = changes.bykey[key].state
  end
  return writes
end

local function decide(decision)
  local operation, atleast = decision[1], decision[2]
  local reply, ledgers, changes = { 1 }, {}, newchanges()
  local counts = countkeys(decision)
  local isallowed = true
  for i = 3, #decision do
    local charge = decision[i]
    local limit, key, cost, receipt, terms = limits[charge[1]], charge[2], charge[3], charge[4], charge[6]
    local algorithm = algorithms[limit[1]]
    if algorithm.isready and not algorithm.isready(limit, micros) then
      return { -1 }
    end
    local state = load(key, algorithm)
    local facts = { cost = cost, atleast = atleast, receipt = receipt }
    reply[#reply + 1] = state and algorithm.toreply(state, limit, micros, facts, counts[key] > 1) or {}
    local ledgerkey, most, ledger = nil, nil, nil
    if terms then
      ledgerkey = terms[1]
      local stored = load(ledgerkey, leases)
      ledgers[#ledgers + 1] = stored and numbersinreply(stored) or {}
      ledger = leases.read(latest(changes, ledgerkey, stored), terms, micros)
      most = leases.most(ledger, terms, micros, cost)
    end
    local after, isadmitted, units = step(charge, latest(changes, key, state), operation, atleast, most)
    if not isadmitted then
      isallowed = false
    elseif after and operation ~= PEEK then
      change(changes, key, after, algorithm, limit)
      if terms and units ~= 0 then
        change(changes, ledgerkey, leases.count(ledger, terms, units), leases, terms)
      end
    end
  end
  reply[1] = isallowed and 1 or 0
  for _, ledger in ipairs(ledgers) do
    reply[#reply + 1] = ledger
  end
  return reply, isallowed and commit(writesof(changes)) or nil
end

local function reset(decision)
  local writes = {}
  for i = 3, #decision do
    local key = decision[i][2]
    states[key], isdecoded[key] = nil, true
    writes[#writes + 1] = { key, false }
  end
  return { 1 }, commit(writes)
end

local replies = { micros, 0, '' }
for _, decision in ipairs(decisions) do
  local operation = decision[1]
  -- A decision that raises an error must not end the others of its batch.
  local isdone, reply, err = pcall(operation == RESET and reset or decide, decision)
  if not isdone then
    -- Since Redis 7, the error of a command is a table.
    reply, err = { -2, type(reply) == 'table' and reply.err or reply }, nil
  end
  if err then
    replies[3] = err
    break
  end
  replies[#replies + 1] = reply
end
replies[2] = unreadable
return replies
