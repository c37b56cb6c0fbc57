-- Purpose: writes entries of a block list and announces the changes, for blockReport.lua and blockEntry.lua.
-- KEYS, ARGV: see blockTime.lua.
-- Reply: that of the part after it.
-- redis.calls: HMGET, HLEN, HSET, HDEL, XADD, XDEL, ZADD, ZREM, ZRANGE, ZRANGEBYSCORE, PEXPIRE, PERSIST.
-- A change has the id of the one before it, so that a reader sees whether one is missing.

-- Changes that the stream keeps.
local KEPT = 1000
-- Entries that have ended and are removed at once, at most.
local SWEPT = 1000
-- ms that the keys live after the last entry has ended.
local SLACK = 86400000

local cursor = redis.call('HMGET', shared, 'cursor')[1] or '0-0'

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

-- Announces an entry, or with '' that there is none any more. The error; nil if it was announced.
local function announce(id, value)
  local change = redis.pcall('XADD', changes, 'MAXLEN', KEPT, '*', 'id', id, 'entry', value, 'previous', cursor)
  if failed(change) then
    return change
  end
  local written = redis.pcall('HSET', shared, 'cursor', change)
  if failed(written) then
    redis.pcall('XDEL', changes, change)
    return written
  end
  cursor = change
  return nil
end

-- Writes an entry that ends at this time, math.huge for never. The error; nil if it was written.
local function put(id, value, finish)
  local written = redis.pcall('HSET', records, id, value)
  if failed(written) then
    return written
  end
  local ranked = redis.pcall('ZADD', ends, finish == math.huge and '+inf' or string.format('%.0f', finish), id)
  local err = failed(ranked) and ranked or announce(id, value)
  if err then
    -- An entry that nobody hears of would hold in some processes only.
    redis.pcall('HDEL', records, id)
    redis.pcall('ZREM', ends, id)
  end
  return err
end

-- Removes the entries that have ended. Each process ends its own copies, so nobody has to hear of it. The error; nil if there was none.
local function sweep()
  local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, SWEPT)
  if #ended == 0 then
    return nil
  end
  local removed = redis.pcall('HDEL', records, unpack(ended, 1, #ended))
  if failed(removed) then
    return removed
  end
  local unranked = redis.pcall('ZREM', ends, unpack(ended, 1, #ended))
  return failed(unranked) and unranked or nil
end

-- Lets the keys live for a day longer than the last entry. The error; nil if there was none.
local function expire()
  local last = redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2]
  local lives = string.format('%.0f', SLACK + math.max(0, (last == 'inf' and 0 or tonumber(last or now)) - now))
  for _, key in ipairs({ records, ends, changes, shared }) do
    local done
    if last == 'inf' then
      done = redis.pcall('PERSIST', key)
    else
      done = redis.pcall('PEXPIRE', key, lives)
    end
    if failed(done) then
      return done
    end
  end
  return nil
end
