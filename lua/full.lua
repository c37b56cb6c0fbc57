-- Purpose: decides a batch of decisions in order, each all or nothing and seeing those before it. Last part of the one script.
-- KEYS: every state key of the batch, and the key of the leases beside it where a charge has terms, once; then the buckets.
-- ARGV[1]: JSON { now, limits, decisions, buckets }, buckets as packed.lua says, or none
--   now: µs, -1 for Redis's own clock (anything else is for tests: expiry is then relative, and never by that time)
--   limits: as each algorithm's file says
--   decision: { how, atleast, charge... }, how 0 charge, 1 force, 2 peek, 3 reset
--   charge: { limit, key, cost, receipt, holder, terms }: indexes from 1 (behind all keys come the places in buckets), units,
--   as each file says, id of a new holder, the terms of a lease as leases.lua says (absent for a plain charge)
-- Reply: { now, unreadable states, error, decision... }
--   error: '' or that of the write which ended the batch: the decisions told stand, those after did not run
--   decision: { verdict, state... }, verdict 1, 0, -1 (a calendar limit computed for another time: nothing was charged) or
--   -2 (it makes no sense: nothing was charged, and one text says why); the states are those met before the decision, an
--   empty one for an absent one; behind them, in the same form, the leases that each charge with terms met
-- redis.calls: TIME; MGET, once for each 1,000 keys; one SET or DEL for each key that a decision changes; for places in buckets
--   those of packed.lua. A refusal and a peek write nothing.

local batch = cjson.decode(ARGV[1])
local now, limits = batch[1], batch[2]
local faked = now >= 0
if not faked then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local values, places, unreadable = packed.open(batch[4] or { 0 })
local states, isdecoded = {}, {}

local function load(key, algorithm)
  if not isdecoded[key] then
    isdecoded[key] = true
    if values[key] then
      states[key] = algorithm.decode(values[key])
      if not states[key] then
        unreadable = unreadable + 1
      end
    end
  end
  return states[key]
end

-- Value and expiry go in one command, as in fast.lua. The error, nil if it was done.
local function set(key, text, at)
  local result
  if faked then
    result = redis.pcall('SET', KEYS[key], text, 'PX', max(60000, at - fdiv(now, 1000)))
  else
    result = redis.pcall('SET', KEYS[key], text, 'PXAT', at)
  end
  return result.err
end

local function delete(key)
  if places[key] then
    return packed.remove(places[key])
  end
  local result = redis.pcall('DEL', KEYS[key])
  return type(result) == 'table' and result.err or nil
end

-- The state that a charge leaves, nil where it leaves all as it is; whether it is allowed; and the units that a lease took,
-- or gave back (below 0). It may move most units, nil for a plain charge.
local function step(charge, state, how, atleast, most)
  local limit, cost = limits[charge[1]], charge[3]
  local algorithm = algorithms[limit[1]]
  local view = algorithm.read(state, limit, now)
  if cost < 0 then
    if how == 2 then
      return nil, true
    end
    local after, units = algorithm.give(view, limit, now, min(-cost, most or MAX), charge[4])
    return after, true, -(units or 0)
  end
  local facts = { receipt = charge[4], holder = charge[5] }
  -- A holder that is gone is not renewed: there is no part of that, and no forcing it.
  local isrenewal = algorithm.renews and cost > 0 and facts.receipt[1] ~= nil
  local fits = cost <= (most or MAX) and algorithm.fits(view, limit, now, cost, facts)
  if not fits and (how ~= 1 or isrenewal) then
    local room = min(algorithm.room(view, limit, now), most or MAX)
    if isrenewal or atleast < 1 or cost < 1 or room < atleast then
      return nil, false
    end
    cost = min(cost, room)
  end
  if cost == 0 then
    return nil, true, 0
  end
  return algorithm.take(view, limit, now, cost, facts), true, cost
end

-- What is kept under this key as the decision would leave it so far.
local function latest(pending, key, met)
  return pending[key] and pending[key].state or met
end

local function put(pending, changed, key, change)
  if not pending[key] then
    changed[#changed + 1] = key
  end
  pending[key] = change
end

-- Writes { key, text or false to delete, expiry } each. Half of a decision is never left: all that can throw is behind, Redis
-- refuses for its own reasons only the first write of a script, and a user who may not DEL is told so before a SET, and one who
-- may not HSET before either.
local function commit(writes)
  local issetting, ispacking = false, false
  for _, write in ipairs(writes) do
    local err = not write[2] and delete(write[1]) or nil
    if err then
      return err
    end
    issetting = issetting or write[2] and not places[write[1]]
    ispacking = ispacking or write[2] and places[write[1]]
  end
  if ispacking then
    for _, write in ipairs(writes) do
      local place = write[2] and places[write[1]]
      local err = place and packed.prepare(place, threeof(write[2]), write[3], now, faked, issetting) or nil
      if err then
        return err
      end
    end
  end
  for _, write in ipairs(writes) do
    local err = write[2] and not places[write[1]] and set(write[1], write[2], write[3]) or nil
    if err then
      return err
    end
  end
  if ispacking then
    for _, write in ipairs(writes) do
      local place = write[2] and places[write[1]]
      local err = place and packed.write(place, threeof(write[2])) or nil
      if err then
        return err
      end
    end
  end
  return nil
end

local function decide(decision)
  local how, atleast = decision[1], decision[2]
  local reply, ledgers, pending, changed, verdict = { 1 }, {}, {}, {}, 1
  local seen = {}
  for i = 3, #decision do
    seen[decision[i][2]] = (seen[decision[i][2]] or 0) + 1
  end
  for i = 3, #decision do
    local charge = decision[i]
    local limit, key = limits[charge[1]], charge[2]
    local algorithm = algorithms[limit[1]]
    if algorithm.ready and not algorithm.ready(limit, now) then
      return { -1 }
    end
    local state = load(key, algorithm)
    local facts = { cost = charge[3], atleast = atleast, receipt = charge[4] }
    reply[#reply + 1] = state and algorithm.met(state, limit, now, facts, seen[key] > 1) or {}
    local terms, most, ledger = charge[6], nil, nil
    if terms then
      local met = load(terms[1], leases)
      ledgers[#ledgers + 1] = met and told(met) or {}
      ledger = leases.read(latest(pending, terms[1], met), terms, now)
      most = leases.most(ledger, terms, now, charge[3])
    end
    local after, isallowed, units = step(charge, latest(pending, key, state), how, atleast, most)
    if not isallowed then
      verdict = 0
    elseif after and how ~= 2 then
      put(pending, changed, key, { state = after, algorithm = algorithm, limit = limit })
      if terms and units ~= 0 then
        put(pending, changed, terms[1], { state = leases.count(ledger, terms, units), algorithm = leases, limit = terms })
      end
    end
  end
  reply[1] = verdict
  for _, met in ipairs(ledgers) do
    reply[#reply + 1] = met
  end
  local writes = {}
  if verdict == 1 then
    for _, key in ipairs(changed) do
      local change = pending[key]
      local text, at = change.algorithm.encode(change.state, change.limit, now)
      writes[#writes + 1] = { key, (faked or at * 1000 > now) and text, at }
    end
    for _, key in ipairs(changed) do
      states[key] = pending[key].state
    end
  end
  return reply, commit(writes)
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

local replies = { now, 0, '' }
for _, decision in ipairs(batch[3]) do
  local way = decision[1] == 3 and reset or decide
  -- One that makes no sense must not take its neighbours with it.
  local isdone, reply, err = pcall(way, decision)
  if not isdone then
    -- Of a command since Redis 7 a table, else text.
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
