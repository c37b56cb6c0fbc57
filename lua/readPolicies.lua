-- Purpose: reads all policy documents, or those that have changed since a cursor. All parts of its script.
-- KEYS: the hash of the documents, the stream of their changes, as publishPolicy.lua writes them.
-- ARGV: cursor: the id of a change, '0-0' before the first, or '*' to read all.
-- Reply: { kind, cursor, size, (namespace, text)... }
--   kind: 'all', 'same' if nothing has changed, 'changes', or 'resync' if a change between is missing: trimmed, or lost in a failover
--   cursor: the id of the last change
--   size: how many fields the documents have: fewer than before if somebody has deleted one, which is no change of the stream
--   text: nil for a document that is gone
-- redis.calls: HGETALL, HLEN, HMGET, XRANGE.

local documents, changes = KEYS[1], KEYS[2]
local since = ARGV[1]
local size = redis.call('HLEN', documents)

if since == '*' then
  local fields = redis.call('HGETALL', documents)
  local reply = { 'all', '0-0', size }
  for i = 1, #fields, 2 do
    local field, value = fields[i], fields[i + 1]
    if field == ':cursor' then
      reply[2] = value
    elseif not string.find(field, ':', 1, true) then
      reply[#reply + 1] = field
      reply[#reply + 1] = value
    end
  end
  return reply
end

local cursor = redis.call('HMGET', documents, ':cursor')[1] or '0-0'
if cursor == since then
  return { 'same', cursor, size }
end

local names, seen = {}, {}
local last = since
for _, entry in ipairs(redis.call('XRANGE', changes, string.format('(%s', since), '+')) do
  local name, previous = entry[2][2], entry[2][6]
  if previous ~= last then
    return { 'resync', cursor, size }
  end
  last = entry[1]
  if not seen[name] then
    seen[name] = true
    names[#names + 1] = name
  end
end
if last ~= cursor then
  return { 'resync', cursor, size }
end

local reply = { 'changes', cursor, size }
local texts = redis.call('HMGET', documents, unpack(names, 1, #names))
for i, name in ipairs(names) do
  reply[2 * i + 2] = name
  reply[2 * i + 3] = texts[i]
end
return reply
