-- Purpose: adds the strikes of subjects to those of other processes, and blocks those that break the rule. The last part of its script.
-- KEYS: those of blockTime.lua, then for each report: its counts, its last block.
-- ARGV: now, name, effect, window, strikes, endpoints, share, first, longest, quiet, highest, budget, part, active, most, then for each
--   report: id, strikes, refused, requests, endpoints, limits
--   endpoints: of the rule a number, of a report a set of 256 bits: 64 hexadecimal digits
--   highest: the highest level. budget: new blocks a minute. part: new blocks a minute for each active subject. most: entries of the list.
--   limits: names, separated by '|'
-- Reply: { overbudget, full, (id, entry)... }: how many were not blocked because the budget was spent or the list full, and the new entries.
-- redis.calls: MGET, HMGET, HLEN, SET, DEL, HSET, and those of blockRecords.lua.
-- Counts are '<since> <strikes> <refused> <requests> <endpoints> <limits>', a last block is '<level> <until>'. Both expire.

local rulename, effect = ARGV[2], ARGV[3]
local window, leaststrikes, leastendpoints, share = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local first, longest, quiet, highest = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local perminute, part, active, most = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local FIRSTREPORT, FIELDS = 16, 6
-- Names of limits that are kept.
local MAXLIMITS = 8

local ONES = { [0] = 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 }

local function ones(bits)
  local count = 0
  for digit in string.gmatch(bits, '%x') do
    count = count + ONES[tonumber(digit, 16)]
  end
  return count
end

local function union(a, b)
  local words = {}
  for i = 1, 64, 8 do
    words[#words + 1] = bit.tohex(bit.bor(tonumber(string.sub(a, i, i + 7), 16), tonumber(string.sub(b, i, i + 7), 16)))
  end
  return table.concat(words)
end

local function names(a, b)
  local list, seen = {}, {}
  for _, text in ipairs({ a, b }) do
    for name in string.gmatch(text, '[^|]+') do
      if not seen[name] and #list < MAXLIMITS then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  return table.concat(list, '|')
end

-- The counts with those of a report. A window that has ended begins anew.
local function counted(text, at)
  local counts = {
    since = now,
    strikes = tonumber(ARGV[at + 1]),
    refused = tonumber(ARGV[at + 2]),
    requests = tonumber(ARGV[at + 3]),
    endpoints = ARGV[at + 4],
    limits = names('', ARGV[at + 5]),
  }
  if text then
    local since, strikes, refused, requests, endpoints, limits = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%x+) (.*)$')
    since = tonumber(since)
    -- A clock that was set back must not keep the window for ever.
    if since and now - since <= window and now >= since then
      counts.since = since
      counts.strikes = counts.strikes + tonumber(strikes)
      counts.refused = counts.refused + tonumber(refused)
      counts.requests = counts.requests + tonumber(requests)
      counts.endpoints = union(counts.endpoints, endpoints)
      counts.limits = names(limits, counts.limits)
    end
  end
  return counts
end

local function levelafter(text)
  local level, finish = string.match(text or '', '^(%d+) (%d+)$')
  local left = 0
  if level then
    left = math.max(0, tonumber(level) - math.max(0, math.floor((now - tonumber(finish)) / quiet)))
  end
  return math.min(highest, left + 1)
end

-- The blocks of this minute, and how many there may be.
local blocked, budget
local function startminute()
  local stored = redis.call('HMGET', shared, 'minute', 'blocked', 'active', 'before')
  local minute, last = math.floor(now / 60000), tonumber(stored[1] or '-2')
  local before = tonumber(stored[4] or '0')
  blocked = tonumber(stored[2] or '0')
  if minute ~= last then
    before = minute == last + 1 and tonumber(stored[3] or '0') or 0
    blocked = 0
  else
    active = math.max(active, tonumber(stored[3] or '0'))
  end
  -- One is always possible, or a bot of a small site would never be blocked.
  budget = math.min(perminute, math.max(1, math.floor(part * math.max(active, before))))
  return { 'minute', string.format('%.0f', minute), 'active', string.format('%.0f', active), 'before', string.format('%.0f', before) }
end

local function writecounts(key, counts)
  local value = string.format(
    '%.0f %.0f %.0f %.0f %s %s',
    counts.since,
    counts.strikes,
    counts.refused,
    counts.requests,
    counts.endpoints,
    counts.limits
  )
  local written = redis.pcall('SET', key, value, 'PX', string.format('%.0f', 2 * window))
  return failed(written) and written or nil
end

-- The entry of a new block, its end and its level.
local function newblock(counts, lastblock)
  local level = levelafter(lastblock)
  local finish = now + math.min(first * 2 ^ (level - 1), longest)
  local evidence = string.format(
    '%.0f,%.0f,%.0f,%.0f,%d,%s',
    counts.since,
    counts.strikes,
    counts.refused,
    counts.requests,
    ones(counts.endpoints),
    counts.limits
  )
  return string.format('%s %s %.0f %.0f %d %s ', effect, rulename, now, finish, level, evidence), finish, level
end

local fields = startminute()
local stored = redis.call('MGET', unpack(KEYS, 5, #KEYS))
local err = sweep()
if err then
  return err
end
local size = redis.call('HLEN', records)

local reply = { 0, 0 }
for report = 1, (#KEYS - 4) / 2 do
  local at = FIRSTREPORT + (report - 1) * FIELDS
  local id, countskey, lastkey = ARGV[at], KEYS[3 + 2 * report], KEYS[4 + 2 * report]
  local value = redis.call('HMGET', records, id)[1]
  local current = entryof(value)
  local counts = counted(stored[2 * report - 1], at)
  -- A block in shadow does not stand in the way of one that is enforced.
  local isfree = not current or (current == 'shadow' and effect ~= 'shadow')
  local breaks = counts.strikes >= leaststrikes and ones(counts.endpoints) >= leastendpoints and counts.refused >= share * counts.requests
  if isfree and breaks and blocked >= budget then
    reply[1] = reply[1] + 1
    err = writecounts(countskey, counts)
  elseif isfree and breaks and size >= most and not value then
    reply[2] = reply[2] + 1
    err = writecounts(countskey, counts)
  elseif isfree and breaks then
    local entry, finish, level = newblock(counts, stored[2 * report])
    err = put(id, entry, finish)
    if not err then
      blocked = blocked + 1
      size = value and size or size + 1
      local lasts = string.format('%.0f', finish - now + level * quiet)
      local kept = redis.pcall('SET', lastkey, string.format('%d %.0f', level, finish), 'PX', lasts)
      err = failed(kept) and kept or nil
      redis.pcall('DEL', countskey)
      reply[#reply + 1] = id
      reply[#reply + 1] = entry
    end
  else
    err = writecounts(countskey, counts)
  end
  if err then
    return err
  end
end

fields[#fields + 1] = 'blocked'
fields[#fields + 1] = string.format('%.0f', blocked)
local written = redis.pcall('HSET', shared, unpack(fields, 1, #fields))
if failed(written) then
  return written
end
return expire() or reply
