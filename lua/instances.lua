-- Purpose: keeps which processes follow the policy documents, and reads those that live. All parts of its script.
-- KEYS: the hash of the rows, the sorted set of the last heartbeats.
-- ARGV: id, row, life
--   id: of a process; '' only reads
--   row: what the process says of itself; '' when it leaves
--   life: ms after its last heartbeat at which a process is forgotten
-- Reply: (id, seen, row)... of the processes that live. seen: ms since the epoch, by the time of the server.
-- redis.calls: TIME, HSET, ZADD, ZREM, HDEL, ZRANGEBYSCORE, HMGET, PEXPIRE.

local rows, seen = KEYS[1], KEYS[2]
local id, row, life = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

if id ~= '' and row == '' then
  redis.pcall('ZREM', seen, id)
  redis.pcall('HDEL', rows, id)
elseif id ~= '' then
  local written = redis.pcall('HSET', rows, id, row)
  if failed(written) then
    return written
  end
  written = redis.pcall('ZADD', seen, now, id)
  if failed(written) then
    return written
  end
end

if id ~= '' then
  local ended = redis.call('ZRANGEBYSCORE', seen, '-inf', now - life)
  for i = 1, #ended do
    redis.pcall('ZREM', seen, ended[i])
    redis.pcall('HDEL', rows, ended[i])
  end
  redis.pcall('PEXPIRE', rows, life)
  redis.pcall('PEXPIRE', seen, life)
end

local live = redis.call('ZRANGEBYSCORE', seen, string.format('(%.0f', now - life), '+inf', 'WITHSCORES')
local reply = {}
for i = 1, #live, 2 do
  reply[#reply + 1] = live[i]
  reply[#reply + 1] = live[i + 1]
  reply[#reply + 1] = redis.call('HMGET', rows, live[i])[1] or ''
end
return reply
