-- Purpose: adds an entry to a bounded stream, or reads its last entries. All parts of its script.
-- KEYS: the stream.
-- ARGV: text, most, last, count
--   text: of the entry; '' to read
--   most: how many entries the stream keeps, about
--   last, count: to read, from which id down, '+' for the newest; and how many
-- Reply: { id } of the new entry, or (id, text)... the newest first.
-- redis.calls: XADD, XREVRANGE.

local stream, text = KEYS[1], ARGV[1]

if text ~= '' then
  local id = redis.pcall('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'entry', text)
  if type(id) == 'table' and id.err then
    return id
  end
  return { id }
end

local reply = {}
for _, entry in ipairs(redis.call('XREVRANGE', stream, ARGV[3], '-', 'COUNT', ARGV[4])) do
  reply[#reply + 1] = entry[1]
  reply[#reply + 1] = entry[2][2]
end
return reply
