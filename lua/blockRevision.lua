-- Purpose: for how long a revision of a policy has been known to any process. The last part of its script.
-- KEYS: those of blockTime.lua, then the hash of the revisions.
-- ARGV: now, policy, revision, most
--   most: policies that the hash may have
-- Reply: ms, or 'inf' for the first revision of a policy: it was there before the block list.
-- redis.calls: HMGET, HLEN, HSET, PEXPIRE.

local revisions, policy, revision, most = KEYS[5], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local LIFETIME = 2592000000

local stored = redis.call('HMGET', revisions, policy)[1]
local known, since = string.match(stored or '', '^(%d+) (%d+)$')
if known and revision <= tonumber(known) then
  return since == '0' and 'inf' or string.format('%.0f', now - tonumber(since))
end
if not known and redis.call('HLEN', revisions) >= most then
  return 'inf'
end
local written = redis.pcall('HSET', revisions, policy, string.format('%.0f %.0f', revision, known and now or 0))
if type(written) == 'table' and written.err then
  return written
end
redis.pcall('PEXPIRE', revisions, string.format('%.0f', LIFETIME))
return known and '0' or 'inf'
