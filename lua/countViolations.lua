-- Purpose: adds refusals to the board of an hour and a policy. All parts of its script.
-- KEYS: the mark of what this process has sent, the board (a sorted set), its endpoints (a hash), the list of the hour's boards (a set).
-- ARGV: number, marked, life, most, name, then for each subject: subject, refusals, endpoints
--   number: rises with each message of this process and namespace, so that a message that a client sends twice counts once
--   marked, life: ms that the mark lives, and the board
--   most: how many subjects the board keeps
--   name: of the board in the list
--   endpoints: '<refusals> <endpoint>' in lines, of those refusals whose endpoint is known
-- Reply: 1, or 0 for a message that has been counted before.
-- redis.calls: GET, ZMSCORE, HMGET, SET, ZADD, HSET, SADD, PEXPIRE, ZCARD, ZRANGE, ZREMRANGEBYRANK, HDEL.

local FIRST = 6
local MOST_ENDPOINTS = 16
local OTHER = '__other__'

local sent, board, endpoints, boards = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local number, marked, life, most, name = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

if tonumber(redis.call('GET', sent) or '0') >= tonumber(number) then
  return 0
end

local subjects = {}
for i = FIRST, #ARGV, 3 do
  subjects[#subjects + 1] = ARGV[i]
end
local scores = redis.call('ZMSCORE', board, unpack(subjects, 1, #subjects))
local known = redis.call('HMGET', endpoints, unpack(subjects, 1, #subjects))

-- Adds the lines of both texts.
local function merged(old, new)
  local counts, names = {}, {}
  for _, text in ipairs({ old, new }) do
    for count, endpoint in string.gmatch(text, '(%d+) ([^\n]*)\n') do
      if not counts[endpoint] and #names >= MOST_ENDPOINTS then
        endpoint = OTHER
      end
      if not counts[endpoint] then
        names[#names + 1] = endpoint
        counts[endpoint] = 0
      end
      counts[endpoint] = counts[endpoint] + tonumber(count)
    end
  end
  local lines = {}
  for i, endpoint in ipairs(names) do
    lines[i] = string.format('%.0f %s\n', counts[endpoint], endpoint)
  end
  return table.concat(lines)
end

local added, merges = {}, {}
for i, subject in ipairs(subjects) do
  local at = FIRST + 3 * (i - 1)
  added[2 * i - 1] = string.format('%.0f', tonumber(scores[i] or '0') + tonumber(ARGV[at + 1]))
  added[2 * i] = subject
  merges[2 * i - 1] = subject
  merges[2 * i] = merged(known[i] or '', ARGV[at + 2])
end

-- The board comes before the mark: if it cannot be written, the message may come again.
local written = redis.pcall('ZADD', board, unpack(added, 1, #added))
if type(written) == 'table' and written.err then
  return written
end
redis.pcall('SET', sent, number, 'PX', marked)
redis.pcall('HSET', endpoints, unpack(merges, 1, #merges))
redis.pcall('SADD', boards, name)
for _, key in ipairs({ board, endpoints, boards }) do
  redis.pcall('PEXPIRE', key, life)
end

local count = redis.pcall('ZCARD', board)
local over = type(count) == 'number' and count - most or 0
if over > 0 then
  local last = string.format('%.0f', over - 1)
  local lowest = redis.pcall('ZRANGE', board, '0', last)
  if not lowest.err and #lowest > 0 then
    redis.pcall('HDEL', endpoints, unpack(lowest, 1, #lowest))
    redis.pcall('ZREMRANGEBYRANK', board, '0', last)
  end
end
return 1
