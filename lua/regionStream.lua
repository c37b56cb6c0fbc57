-- Purpose: what a process of a region does with the stream of another region, except for the read that waits. All parts of its script.
-- KEYS: the stream of messages of the sending region.
-- ARGV: action, group, consumer, then by action
--   'open', idle: makes the group, and removes consumers that have no message and did not read for `idle` ms: their processes have ended
--   'own', from: the messages that this consumer was given and has not acknowledged, after the id `from`
--   'new': messages that no consumer was given
--   'claim', from, idle, held...: keeps the messages `held` for this consumer, and gives it those that nobody has acknowledged for `idle` ms
--   'leave': removes this consumer, if it has acknowledged all
-- Reply: { next, (id, body)... }
--   next: where 'own' and 'claim' go on, '' after the last message
-- redis.calls: XACK, XAUTOCLAIM, XCLAIM, XGROUP, XINFO, XPENDING, XREADGROUP.

local stream = KEYS[1]
local action, group, consumer = ARGV[1], ARGV[2], ARGV[3]
local COUNT = 100
local reply = { '' }

local function errorIn(result)
  return type(result) == 'table' and result.err
end

-- A message that MAXLEN has removed has an id and no fields, and nobody can apply it.
local function add(entries)
  local last
  for _, entry in ipairs(entries) do
    if entry then
      last = entry[1]
      if entry[2] then
        reply[#reply + 1] = entry[1]
        reply[#reply + 1] = entry[2][2]
      else
        redis.pcall('XACK', stream, group, entry[1])
      end
    end
  end
  return last
end

local function read(from)
  local read = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', COUNT, 'STREAMS', stream, from)
  if errorIn(read) then
    return read
  end
  local entries = read and read[1] and read[1][2] or {}
  local last = add(entries)
  if from ~= '>' and #entries == COUNT then
    reply[1] = last
  end
  return reply
end

if action == 'open' then
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  if errorIn(made) and not string.find(made.err, 'BUSYGROUP', 1, true) then
    return made
  end
  local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, group)
  for _, fields in ipairs(consumers) do
    local of = {}
    for i = 1, #fields, 2 do
      of[fields[i]] = fields[i + 1]
    end
    if of.pending == 0 and of.idle > tonumber(ARGV[4]) then
      redis.pcall('XGROUP', 'DELCONSUMER', stream, group, of.name)
    end
  end
  return reply
end

if action == 'own' then
  return read(ARGV[4])
end

if action == 'new' then
  return read('>')
end

if action == 'leave' then
  local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
  if not errorIn(pending) and #pending == 0 then
    redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer)
  end
  return reply
end

if #ARGV > 5 then
  local command = { 'XCLAIM', stream, group, consumer, 0 }
  for i = 6, #ARGV do
    command[#command + 1] = ARGV[i]
  end
  command[#command + 1] = 'JUSTID'
  local kept = redis.pcall(unpack(command, 1, #command))
  if errorIn(kept) then
    return kept
  end
end
local claimed = redis.pcall('XAUTOCLAIM', stream, group, consumer, ARGV[5], ARGV[4], 'COUNT', COUNT)
if errorIn(claimed) then
  return claimed
end
add(claimed[2])
for _, entry in ipairs(claimed[2]) do
  if not entry then
    -- Redis 6.2 does not say which messages MAXLEN has removed. They are this consumer's now, so that this read acknowledges them.
    local own = read('0')
    if errorIn(own) then
      return own
    end
    break
  end
end
reply[1] = claimed[1] == '0-0' and '' or claimed[1]
return reply
