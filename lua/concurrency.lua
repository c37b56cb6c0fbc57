-- Purpose: holders that live until they are released or expire. packages/core/src/algorithms/concurrency.ts decides the same.
-- State: a sorted set of the ids of the holders, by their expiry (µs). So a decision takes the same time with any number of holders: it
--   counts them, and reads those that expire first and last. Expires with its last holder.
-- Limit: { 'c', id, quantity, ttl }, ttl in µs.
-- Receipt: { id } of the holder to release or renew.
-- Reply of a state: how many live holders are left out, then expiry and id of each of the others: those that expire first and last, one more
--   of each than the decision has charges on the key, and those that its charges name.
-- redis.calls: in reads ZRANGE, ZCARD or ZCOUNT, ZSCORE; in writes ZADD, PEXPIREAT, ZREM, DEL. A set that needs no change is not written.

algorithms.c = { renews = true, isset = true }

-- The most expired holders that one write removes, so that no decision is slow because many have expired.
local MAXEXPIRED = 128

local function readset(...)
  local reply = redis.pcall(...)
  if errorof(reply) then
    error(reply, 0)
  end
  return reply
end

-- Makes the scores of a reply numbers. Whether each is a time.
local function readscores(reply)
  for i = 2, #reply, 2 do
    local expiry = integer(reply[i])
    if not expiry then
      return false
    end
    reply[i] = expiry
  end
  return true
end

-- A set as it is in Redis. head and tail: up to most of the live members that expire first and last, ids and scores in turn; tail is empty
-- where head has all. latest: the last expiry. scores: what is known of single ids.
local function newset(name, most, isforeign)
  return { name = name, most = most, isforeign = isforeign, count = 0, head = {}, tail = {}, latest = 0, scores = {} }
end

-- A key of another type, or with scores that are no time, is foreign and counts as absent.
function algorithms.c.read(name, most)
  local head = redis.pcall('ZRANGE', name, '0', most - 1, 'WITHSCORES')
  if errorof(head) then
    if not match(errorof(head), 'WRONGTYPE') then
      error(head, 0)
    end
    return newset(name, most, true)
  end
  local set = newset(name, most, false)
  set.count = #head / 2
  local earliest = integer(head[2])
  if earliest and earliest <= micros then
    local after = format('(%.0f', micros)
    set.hasexpired = true
    set.count = readset('ZCOUNT', name, after, '+inf')
    head = readset('ZRANGE', name, after, '+inf', 'BYSCORE', 'LIMIT', '0', most, 'WITHSCORES')
  elseif set.count == most then
    set.count = readset('ZCARD', name)
  end
  set.head = head
  if set.count > most then
    set.tail = readset('ZRANGE', name, -most, '-1', 'WITHSCORES')
  end
  if not readscores(head) or not readscores(set.tail) then
    return newset(name, most, true)
  end
  set.latest = set.tail[#set.tail] or head[#head] or 0
  return set
end

-- A state is a set, or a change of one: { set, count, id, expiry, before }. expiry is false for an id that is removed, before is the state before
-- the change.
local function setof(state)
  return state.set or state
end

-- When a live holder of this id expires; nil if there is none.
local function expiryofholder(state, id)
  while state.set do
    if state.id == id then
      return state.expiry or nil
    end
    state = state.before
  end
  local expiry = state.scores[id]
  if expiry == nil then
    expiry = state.count > 0 and integer(readset('ZSCORE', state.name, id)) or false
    state.scores[id] = expiry
  end
  return expiry and expiry > micros and expiry or nil
end

function algorithms.c.available(limit, state)
  local quantity = limit[3]
  return max(0, quantity - state.count)
end

function algorithms.c.charge(limit, state, cost, facts, isforced)
  local quantity, ttl = limit[3], limit[4]
  local renewed, count = facts.receipt[1], state.count
  local id = renewed or facts.holder
  local isheld = cost > 0 and expiryofholder(state, id) ~= nil
  if not isforced and not isheld and (cost > 0 and renewed or count + cost > quantity) then
    return false
  end
  if cost == 0 or not renewed and (isheld or count >= 2 * quantity) then
    return true
  end
  return true, { set = setof(state), count = isheld and count or count + 1, id = id, expiry = micros + ttl, before = state }
end

function algorithms.c.giveback(_, state, _, receipt)
  local id = receipt[1]
  if not expiryofholder(state, id) then
    return nil
  end
  return { set = setof(state), count = state.count - 1, id = id, expiry = false, before = state }
end

local function ismember(list, id)
  for i = 1, #list, 2 do
    if list[i] == id then
      return true
    end
  end
  return false
end

-- Also has the members that the charges of the decision on this key name.
function algorithms.c.toreply(set, decision, key)
  local head, tail, count = set.head, set.tail, set.count
  if count == 0 then
    return {}
  end
  local reply, length = { 0 }, 1
  for i = 1, #head, 2 do
    reply[i + 1], reply[i + 2] = head[i + 1], head[i]
    length = i + 2
  end
  -- Where the set is small, the tail begins inside the head.
  for i = max(1, #head + #tail - 2 * count + 1), #tail, 2 do
    reply[length + 1], reply[length + 2] = tail[i + 1], tail[i]
    length = length + 2
  end
  for i = 3, count > #head / 2 and #decision or 0 do
    local charge = decision[i]
    local id = charge[4][1] or charge[5]
    local expiry = charge[2] == key and not ismember(head, id) and not ismember(tail, id) and expiryofholder(set, id)
    if expiry then
      reply[length + 1], reply[length + 2] = expiry, id
      length = length + 2
    end
  end
  reply[1] = count - (length - 1) / 2
  return reply
end

-- The changes of a state: by id, the expiry or false. A later change of an id hides an earlier one.
local function changesof(state)
  local changes = {}
  while state.set do
    if changes[state.id] == nil then
      changes[state.id] = state.expiry
    end
    state = state.before
  end
  return changes
end

-- The arguments of ZADD, the ids that are new, and the last expiry.
local function additionsof(state)
  local set, arguments, added = state.set, {}, {}
  local latest = set.latest
  for id, expiry in pairs(changesof(state)) do
    if expiry then
      arguments[#arguments + 1] = format('%.0f', expiry)
      arguments[#arguments + 1] = id
      latest = max(latest, expiry)
      if not set.scores[id] then
        added[#added + 1] = id
      end
    end
  end
  return arguments, added, latest
end

-- By expiry, its text.
local scoretexts = {}

-- Adds what a state adds to its set. The error; nil if it was done. A key without an expiry would stay for ever, so a holder that is new is
-- removed if the key cannot get one.
function algorithms.c.add(state)
  local set, id, expiry, err = state.set, state.id, state.expiry, nil
  local latest = set.latest
  if set.isforeign then
    err = errorof(redis.pcall('DEL', set.name))
  end
  if state.before == set then
    if not expiry then
      state.added = {}
      return err
    end
    local text = scoretexts[expiry] or format('%.0f', expiry)
    scoretexts[expiry] = text
    latest = max(latest, expiry)
    state.added = set.scores[id] and {} or { id }
    err = err or errorof(redis.pcall('ZADD', set.name, text, id))
  else
    local arguments = nil
    arguments, state.added, latest = additionsof(state)
    if #arguments == 0 then
      return err
    end
    err = err or errorof(redis.pcall('ZADD', set.name, unpack(arguments, 1, #arguments)))
  end
  local ends = cdiv(latest, 1000)
  if not err and set.ends ~= ends then
    err = errorof(expirehash(set.name, max(MINLIFETIME, ends - ms), ms, 0))
    set.ends = ends
    if err then
      algorithms.c.undo(state)
    end
  end
  return err
end

-- Removes what add() has added, and adds what remove() has removed.
function algorithms.c.undo(state)
  local set, added, removed = state.set, state.added or {}, state.removed or {}
  if #added > 0 then
    redis.pcall('ZREM', set.name, unpack(added, 1, #added))
  end
  for _, id in ipairs(removed) do
    redis.pcall('ZADD', set.name, format('%.0f', set.scores[id]), id)
  end
  state.added, state.removed = nil, nil
end

-- Removes what a state removes from its set, and holders that have expired. The error; nil if it was done.
function algorithms.c.remove(state)
  local set, ids, removed = state.set, {}, {}
  if state.before ~= set or not state.expiry or set.hasexpired then
    local changes = changesof(state)
    for id, expiry in pairs(changes) do
      if not expiry then
        ids[#ids + 1] = id
        -- Not one that the decision has added.
        removed[#removed + 1] = set.scores[id] and id or nil
      end
    end
    local expired = set.hasexpired
        and redis.pcall('ZRANGE', set.name, '-inf', format('%.0f', micros), 'BYSCORE', 'LIMIT', '0', MAXEXPIRED)
      or {}
    for i = 1, errorof(expired) and 0 or #expired do
      -- Not one that was added again under its id.
      if changes[expired[i]] == nil then
        ids[#ids + 1] = expired[i]
      end
    end
  end
  local err = #ids > 0 and errorof(redis.pcall('ZREM', set.name, unpack(ids, 1, #ids))) or nil
  state.removed = not err and removed or nil
  return err
end

-- The set after a state was written, as later decisions of the batch see it; nil if it must be read again.
function algorithms.c.written(state)
  local set, id, expiry = state.set, state.id, state.expiry
  local head, tail = set.head, set.tail
  local isknown = state.before == set and not set.hasexpired and not set.isforeign and state.count > set.most and #tail > 0
  if not isknown or ismember(head, id) or ismember(tail, id) or expiry and expiry < set.latest then
    return nil
  end
  if expiry then
    local length = #tail
    for i = 1, length - 2 do
      tail[i] = tail[i + 2]
    end
    tail[length - 1], tail[length] = id, expiry
    set.latest = expiry
  end
  set.scores[id], set.count = expiry, state.count
  return set
end
