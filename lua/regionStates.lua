-- Purpose: reads and writes the states that regions exchange, with their ledgers: those in the value of a policy and subject, and packed ones.
-- KEYS: for each subject the value of the policy and its ledger, then for each packed state its bucket and its ledger.
-- ARGV, reply: see regionCollect.lua and regionApply.lua.
-- redis.calls: MGET; those of packed.lua where a state is packed.
--
-- The packed states of a subject are { id, window (ms), lifetime (ms), field }... Subjects whose digests are equal share a packed state. So it
-- has a ledger of its own: what other regions put into it is that of both.

-- What is under the keys from first to last, by place.
local function readkeys(first, last)
  local texts = {}
  for i, text in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
    texts[first + i - 1] = text
  end
  return texts
end

-- How many keys a subject with these packed states has.
local function keysof(packs)
  return 2 + 2 * #packs
end

-- The states of a subject, whose keys begin at first. A packed state is an entry like those of the value.
local function openstates(first, packs, texts)
  local entries = texts[first] and decodevalue(texts[first]) or {}
  local states = { first = first, packs = packs, entries = entries, ledger = decodeledger(texts[first + 1]), found = {} }
  for i, place in ipairs(packs) do
    local id, at = place[1], first + 2 * i
    local entry, value = packed.read(KEYS[at], place[2], place[3], place[4])
    local ledger = decodeledger(texts[at + 1])
    states.found[i] = entry
    states.ledger.accounts[id] = ledger.accounts[id]
    states.ledger.version = max(states.ledger.version, ledger.version)
    if value then
      local _, ends, count, before = unpacked(ENTRY, value)
      writeentry(entries, id, { ends, count, before })
    end
  end
  return states
end

local function writepacked(entry, numbers)
  if not numbers then
    return not entry.isnew and packed.remove(entry) or nil
  end
  return packed.prepare(entry, numbers[1], false) or packed.write(entry, numbers[1], numbers[2], numbers[3])
end

-- Writes what has this many limits, all that are not packed in the value. The error; nil if it was written.
local function writestates(states, limits)
  for i, place in ipairs(states.packs) do
    local err = writepacked(states.found[i], readentry(states.entries, place[1]))
    if err then
      return err
    end
    writeentry(states.entries, place[1], nil)
  end
  return limits > #states.packs and writevalue(KEYS[states.first], states.entries) or nil
end

local function writeledgers(states, limits)
  local ledger = states.ledger
  for i, place in ipairs(states.packs) do
    local id = place[1]
    local err = writeledger(KEYS[states.first + 2 * i + 1], { version = ledger.version, accounts = { [id] = ledger.accounts[id] } })
    if err then
      return err
    end
    ledger.accounts[id] = nil
  end
  return limits > #states.packs and writeledger(KEYS[states.first + 1], ledger) or nil
end
