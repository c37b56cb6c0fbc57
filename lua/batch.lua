-- Purpose: reads and writes the states of a batch, for full.lua. What a decision changes is collected first, so that all of it is written, or
--   none.
-- KEYS, ARGV, reply: see full.lua.
-- redis.calls: MGET, once for each 1,000 keys; one SET or DEL for each key that a decision changes; for sets those of concurrency.lua, for packed
--   states those of packed.lua.

-- The operations other than 0, a charge.
local FORCE, PEEK, RESET, SETBLOCK = 1, 2, 3, 4

local batch = cjson.decode(ARGV[1])
local limits, decisions, setcount, buckets = batch[1], batch[2], batch[3], batch[4] or { 0 }

-- values: by key, what is stored. entries: by key, the entry of a packed state.
local values, entries = packed.open(buckets, setcount)
-- By key of a packed state, until when its subject is blocked (µs), taken out of the value: the rest is one entry.
local blocks = {}
for number, entry in pairs(entries) do
  local text = entry.bucket.hasblocks and values[number]
  if text and unpacked('>I4', text) == BLOCK then
    local _, finish = unpacked('>I4d', text)
    blocks[number] = finish
    values[number] = #text > SIZE and string.sub(text, SIZE + 1)
  end
end
-- By key, what the value holds after the decisions so far: a list of entries, or one state of an algorithm that has its own keys.
local lists, states, isdecoded = {}, {}, {}

local function listof(key)
  if not lists[key] then
    local text = values[key]
    lists[key] = text and decodevalue(text) or {}
    if text and not isvalue(text) then
      values[key] = false
    end
  end
  return lists[key]
end

local function stateof(key, algorithm)
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

-- The set of a key, with as many of its members as a decision with so many charges on the key needs.
local function openset(key, algorithm, charges)
  local known = states[key]
  if known and known.most > charges then
    return known
  end
  local set = algorithm.read(KEYS[key], charges + 1)
  -- Read again for a decision with more charges, a foreign set counts once.
  if set.isforeign and not known then
    unreadable = unreadable + 1
  end
  states[key] = set
  return set
end

local function delete(key)
  if entries[key] then
    return packed.remove(entries[key])
  end
  return errorof(redis.pcall('DEL', KEYS[key]))
end

-- The changes of the decision at hand: the keys in order; by key, the list of entries or { state, limit } after it.
local function newchanges()
  return { keys = {}, lists = {}, states = {} }
end

local function markchanged(changes, key, kind)
  if not changes[kind][key] then
    changes.keys[#changes.keys + 1] = key
  end
end

-- The list of a key with the changes of the decision so far, and the list to change.
local function changedlist(changes, key)
  if not changes.lists[key] then
    markchanged(changes, key, 'lists')
    local copy = {}
    for i, number in ipairs(listof(key)) do
      copy[i] = number
    end
    changes.lists[key] = copy
  end
  return changes.lists[key]
end

local function entryof(changes, key, id, place)
  local list = changes.lists[key] or listof(key)
  local at = find(list, id, place)
  return at and { list[at + 1], list[at + 2], list[at + 3] } or {}
end

local function setentry(changes, key, id, place, state)
  local list = changedlist(changes, key)
  local at = find(list, id, place) or #list + 1
  list[at], list[at + 1], list[at + 2], list[at + 3] = id, state[1], state[2], state[3]
end

-- Makes the packed entries ready to be written.
local function prepareentries(writes, issetting)
  for _, write in ipairs(writes) do
    local key, value = write[1], write[2]
    local entry = value and entries[key]
    local err = entry and packed.prepare(entry, lists[key][2], issetting) or nil
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
    local err = entry and packed.write(entry, lists[key][2], lists[key][3], lists[key][4]) or nil
    if err then
      return err
    end
  end
  return nil
end

-- Changes the sets of a decision.
local function changesets(writes)
  for _, write in ipairs(writes) do
    local set, algorithm = write[4], write[5]
    local err = set and (algorithm.add(set) or algorithm.remove(set)) or nil
    if err then
      return err
    end
  end
  return nil
end

local function setvalues(writes)
  for _, write in ipairs(writes) do
    local key, value, expiry = write[1], write[2], write[3]
    local err = value and not entries[key] and setwithexpiry(KEYS[key], value, expiry) or nil
    if err then
      return err
    end
  end
  return nil
end

-- Later decisions see the sets as they are now or, after an error, there are none: what was changed becomes what it was.
local function endsets(writes, err)
  for _, write in ipairs(writes) do
    local key, set, algorithm = write[1], write[4], write[5]
    if set and err then
      algorithm.undo(set)
    elseif set then
      states[key] = algorithm.written(set)
    end
  end
  return err
end

-- Writes { key, value, expiry, set, algorithm } each; a key whose value is false, and which has no set, is deleted. Half of a decision must not
-- stay, so all that can raise an error is done before. Redis itself refuses only the first write of a script. The ACL may deny a command, so the
-- order is DEL, what shows that HSET is allowed, ZADD and ZREM, which can be undone, SET, HSET.
local function commit(writes)
  local issetting, ispacking = false, false
  for _, write in ipairs(writes) do
    local key, value, set = write[1], write[2], write[4]
    local err = not value and not set and delete(key) or nil
    if err then
      return err
    end
    issetting = issetting or set or value and not entries[key]
    ispacking = ispacking or value and entries[key]
  end
  local err = ispacking and prepareentries(writes, issetting) or nil
  if err then
    return err
  end
  return endsets(writes, changesets(writes) or setvalues(writes) or ispacking and writeentries(writes) or nil)
end

local function isneeded(decision, id)
  for i = 3, #decision do
    local limit = limits[decision[i][1]]
    if limit[2] == id or limit[1] == 'b' and limit[8] == id then
      return true
    end
  end
  return false
end

-- The write of a list, which becomes that of later decisions.
local function writeoflist(key, list, decision)
  prune(list, decision, isneeded)
  lists[key] = list
  local value = #list > 0 and encodevalue(list)
  values[key] = value
  return { key, value, expiryof(latestof(list)) }
end

-- The write of a state that has its own key. A state that has expired is deleted.
local function writeofstate(key, changed)
  local state, limit = changed[1], changed[2]
  local algorithm = algorithms[limit[1]]
  if algorithm.isset then
    return { key, false, 0, state, algorithm }
  end
  states[key] = state
  local value, expiry = algorithm.encode(state, limit)
  local islive = MINLIFETIME > 0 or expiry * 1000 > micros
  return { key, islive and value, expiry }
end

local function writesof(changes, decision)
  local writes = {}
  for i, key in ipairs(changes.keys) do
    local list = changes.lists[key]
    writes[i] = list and writeoflist(key, list, decision) or writeofstate(key, changes.states[key])
  end
  return writes
end
