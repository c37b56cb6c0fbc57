-- Purpose: reads the entries of a block list: all in pages, those that changed, or one. A script, since a primary runs it: a client may send
--   reads to a replica. The last part of its script.
-- KEYS: those of blockTime.lua; for 'one' also of the target: its counts, its last block, its last block in shadow.
-- ARGV: now, what, at, count
--   what: 'page', 'changes' or 'one'
--   at: for 'page' where the scan goes on, '0' at first; for 'changes' the id of a change, '0-0' before the first; for 'one' the id
-- Reply: { now, cursor, next, (id, entry)... } for 'page'; next is '0' at the end.
--   { kind, cursor, (id, entry)... } for 'changes'. kind: 'same', 'changes', or 'resync' if a change between is missing: trimmed, or lost
--   in a failover. The entry is '' for one that was removed.
--   { now, entry, counts, last, lastinshadow } for 'one'; '' for what is not there.
-- redis.calls: HMGET, HSCAN, XRANGE, MGET.

local what, at, count = ARGV[2], ARGV[3], ARGV[4]
local nowtext = string.format('%.0f', now)

if what == 'one' then
  local stored = redis.call('MGET', KEYS[5], KEYS[6], KEYS[7])
  local value = redis.call('HMGET', records, at)[1]
  return { nowtext, value or '', stored[1] or '', stored[2] or '', stored[3] or '' }
end

local cursor = redis.call('HMGET', shared, 'cursor')[1] or '0-0'

if what == 'page' then
  local page = redis.call('HSCAN', records, at, 'COUNT', count)
  local reply = { nowtext, cursor, page[1] }
  for i = 1, #page[2] do
    reply[i + 3] = page[2][i]
  end
  return reply
end

if cursor == at then
  return { 'same', cursor }
end
local found = redis.call('XRANGE', changes, string.format('(%s', at), '+', 'COUNT', count)
local reply = { 'changes', at }
for _, change in ipairs(found) do
  local fields = change[2]
  if fields[6] ~= reply[2] then
    return { 'resync', cursor }
  end
  reply[2] = change[1]
  reply[#reply + 1] = fields[2]
  reply[#reply + 1] = fields[4]
end
if #found < tonumber(count) and reply[2] ~= cursor then
  return { 'resync', cursor }
end
return reply
