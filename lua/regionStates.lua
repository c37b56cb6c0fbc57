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

-- The keys of the next subject begin here.
local nextkey = 1

-- The states of the next subject: so many limits, of which these are packed. A packed state is an entry like those of the value. texts is what is
-- under all keys; nil to read those of the subject.
local function openstates(packs, limits, texts)
  local first = nextkey
  nextkey = first + 2 + 2 * #packs
  texts = texts or readkeys(first, nextkey - 1)
  local states = {
    valuekey = KEYS[first],
    ledgerkey = KEYS[first + 1],
    hasvalue = limits > #packs,
    entries = texts[first] and decodevalue(texts[first]) or {},
    ledger = decodeledger(texts[first + 1]),
    packed = {},
  }
  for i, place in ipairs(packs) do
    local id, at = place[1], first + 2 * i
    local entry, value = packed.read(KEYS[at], place[2], place[3], place[4])
    local ledger = decodeledger(texts[at + 1])
    states.packed[i] = { id = id, entry = entry, ledgerkey = KEYS[at + 1] }
    states.ledger.accounts[id] = ledger.accounts[id]
    states.ledger.version = max(states.ledger.version, ledger.version)
    if value then
      local _, ends, count, before = unpacked(ENTRY, value)
      writeentry(states.entries, id, { ends, count, before })
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

-- Writes the packed states into their buckets, and the others into the value. The error; nil if it was written.
local function writestates(states)
  for _, each in ipairs(states.packed) do
    local err = writepacked(each.entry, readentry(states.entries, each.id))
    if err then
      return err
    end
    writeentry(states.entries, each.id, nil)
  end
  return states.hasvalue and writevalue(states.valuekey, states.entries) or nil
end

local function writeledgers(states)
  local ledger = states.ledger
  for _, each in ipairs(states.packed) do
    local err = writeledger(each.ledgerkey, { version = ledger.version, accounts = { [each.id] = ledger.accounts[each.id] } })
    if err then
      return err
    end
    ledger.accounts[each.id] = nil
  end
  return states.hasvalue and writeledger(states.ledgerkey, ledger) or nil
end
