-- Purpose: blocks subjects, and refuses decisions over blocked subjects, for full.lua.
-- KEYS, ARGV, reply: see full.lua.
-- redis.calls: those of batch.lua; for packed states those of packed.lua.

-- Whether a value may begin with a block. Nearly no batch has one, and all others are spared the look at each charge.
local hasblocks = next(blocks) ~= nil
for key = 1, #KEYS do
  hasblocks = hasblocks or values[key] and string.byte(values[key]) == 255
end

-- Until when the subject of a key is blocked (µs); 0 if it is not.
local function blockat(key)
  if entries[key] then
    return blocks[key] or 0
  end
  return blockedby(listof(key))
end

-- The same for a charge. A block refuses new charges only: others belong to what was admitted before.
local function blockof(charge)
  local key, cost, receipt, blockkey = charge[2], charge[3], charge[4], charge[7]
  if cost < 0 or receipt[1] ~= nil then
    return 0
  end
  if blockkey then
    return blockat(blockkey)
  end
  return algorithms[limits[charge[1]][1]].isentry and blockat(key) or 0
end

-- The reply to a decision with a blocked subject; nil for other decisions. A reset replies as a peek without blocks.
local function replyofblocked(decision)
  if decision[1] == FORCE or decision[1] == RESET then
    return nil
  end
  local isblocked = false
  for i = 3, #decision do
    isblocked = isblocked or blockof(decision[i]) > micros
  end
  if not isblocked then
    return nil
  end
  local reply = { 2 }
  for i = 3, #decision do
    reply[i - 1] = blockof(decision[i])
  end
  return reply
end

-- The list of a value with another block; nil for the end (µs) removes it.
local function listwithblock(changes, key, finish)
  local list = changedlist(changes, key)
  if list[1] == BLOCK then
    remove(list, 1)
  end
  if finish then
    for at, number in ipairs({ BLOCK, finish, 0, 0 }) do
      table.insert(list, at, number)
    end
  end
  return list
end

-- Blocks the subjects of the keys, or ends their blocks.
local function block(decision)
  local changes, writes, reply = newchanges(), {}, { 1 }
  hasblocks = true
  for i = 3, #decision do
    local key, millis = decision[i][2], decision[i][3]
    local before, finish = blockat(key), millis > 0 and micros + millis * 1000 or nil
    reply[i - 1] = before
    if finish or millis == 0 and before > 0 then
      if entries[key] then
        local err = packed.block(entries[key], finish)
        if err then
          return reply, err
        end
        blocks[key] = finish
      else
        writes[#writes + 1] = writeoflist(key, listwithblock(changes, key, finish), decision)
      end
    end
  end
  return reply, commit(writes)
end
