-- Purpose: the keys of a block list and the time, for all of its scripts.
-- KEYS: the hash of the entries, the sorted set of their ends, the stream of their changes, the hash of what all processes share.
-- ARGV: now: ms since the epoch; '' for the time of the server.
-- Reply: that of the part after it.
-- redis.calls: TIME.
-- An entry is '<effect> <rule> <since> <until> <level> <evidence> <reason>'. Times are in ms; until is 'inf' without an end. evidence is
-- '<since>,<strikes>,<refused>,<requests>,<endpoints>,<limits>', or '-' by hand.

local records, ends, changes, shared = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
else
  now = tonumber(ARGV[1])
end

-- The effect of an entry, and when it ends; nil for one that has ended, and for a text that somebody else wrote.
local function entryof(value)
  if not value then
    return nil
  end
  local effect, finish = string.match(value, '^(%S+) %S+ %S+ (%S+) ')
  if finish == 'inf' then
    return effect, math.huge
  end
  local time = tonumber(finish)
  if not time or time <= now then
    return nil
  end
  return effect, time
end
