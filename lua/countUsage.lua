-- Purpose: adds counts of usage to a minute and to its hour. All parts of its script.
-- KEYS: the mark of what this process has sent, the minute (a hash), the hour (a hash).
-- ARGV: number, marked, minutelife, hourlife, most, then for each row: field, folded, requests, units
--   number: rises with each message of this process and namespace, so that a message that a client sends twice counts once
--   marked, minutelife, hourlife: ms that the mark lives, and the hashes
--   most: how many rows a hash has before new ones are folded
--   folded: the field for a row that is new where there are too many
-- Reply: 1, or 0 for a message that has been counted before.
-- redis.calls: GET, HMGET, HLEN, SET, HSET, PEXPIRE.
-- A value is '<requests> <units>'.

local FIRST = 6

local sent, minute, hour = KEYS[1], KEYS[2], KEYS[3]
local number, marked, most = ARGV[1], ARGV[2], tonumber(ARGV[5])

if tonumber(redis.call('GET', sent) or '0') >= tonumber(number) then
  return 0
end

-- The fields of a hash and their new values, one after the other.
local function sums(key)
  local fields = {}
  for i = FIRST, #ARGV, 4 do
    fields[#fields + 1] = ARGV[i]
    fields[#fields + 1] = ARGV[i + 1]
  end
  local stored = redis.call('HMGET', key, unpack(fields, 1, #fields))
  local length = redis.call('HLEN', key)
  local requests, units, order = {}, {}, {}
  local function add(field, text, more, moreunits)
    if not requests[field] then
      local before, beforeunits = string.match(text or '0 0', '^(%d+) (%d+)$')
      requests[field], units[field] = tonumber(before or '0'), tonumber(beforeunits or '0')
      order[#order + 1] = field
    end
    requests[field] = requests[field] + tonumber(more)
    units[field] = units[field] + tonumber(moreunits)
  end
  for i = FIRST, #ARGV, 4 do
    local at = (i - FIRST) / 2 + 1
    if stored[at] or requests[ARGV[i]] or length < most then
      if not stored[at] and not requests[ARGV[i]] then
        length = length + 1
      end
      add(ARGV[i], stored[at], ARGV[i + 2], ARGV[i + 3])
    else
      add(ARGV[i + 1], stored[at + 1], ARGV[i + 2], ARGV[i + 3])
    end
  end
  local written = {}
  for i, field in ipairs(order) do
    written[2 * i - 1] = field
    written[2 * i] = string.format('%.0f %.0f', requests[field], units[field])
  end
  return written
end

local minutes, hours = sums(minute), sums(hour)
-- A hash comes before the mark: if it cannot be written, the message may come again.
local written = redis.pcall('HSET', minute, unpack(minutes, 1, #minutes))
if type(written) == 'table' and written.err then
  return written
end
redis.pcall('SET', sent, number, 'PX', marked)
redis.pcall('HSET', hour, unpack(hours, 1, #hours))
redis.pcall('PEXPIRE', minute, ARGV[3])
redis.pcall('PEXPIRE', hour, ARGV[4])
return 1
