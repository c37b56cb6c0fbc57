-- Purpose: reads what a region keeps of itself and of the others, for people, or asks it to have all sent again. All parts of its script.
-- KEYS: the hash of the region, as regionHeartbeat.lua writes it.
-- ARGV: 'read', or 'resend': the next process that sends a beat also asks the other regions to send again
-- Reply: { ms, name, value... }; ms alone if no process of a region has written here.
-- redis.calls: TIME, HGETALL, HSET.

local time = redis.call('TIME')
local fields = redis.call('HGETALL', KEYS[1])
if ARGV[1] == 'resend' and #fields > 0 then
  local written = redis.pcall('HSET', KEYS[1], 'asked', '0')
  if type(written) == 'table' and written.err then
    return written
  end
end
local reply = { string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000)) }
for _, field in ipairs(fields) do
  reply[#reply + 1] = field
end
return reply
