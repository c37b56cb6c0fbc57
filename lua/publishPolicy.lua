-- Purpose: publishes a policy document by compare-and-set on its revision. All parts of its script.
-- KEYS: the hash of the documents, the stream of their changes.
-- ARGV: namespace, revision, text, expected, most
--   expected: the revision that must be stored, '0' for none, '' for any that is lower
--   most: how many changes the stream keeps
-- Reply: { done, current }. done: 1 if the document is stored now, also by a call before. current: the revision that is stored, '' for none.
-- redis.calls: HMGET, XADD, HSET, XDEL.
-- The hash has for each namespace its text under the name, and its revision under '<name>:revision'; under ':cursor' the id of the last
-- change. A change has the id of the one before it, so that a reader sees whether one is missing.

local documents, changes = KEYS[1], KEYS[2]
local namespace, revision, text, expected, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local revisionfield = string.format('%s:revision', namespace)

local function failed(reply)
  return type(reply) == 'table' and reply.err
end

local stored = redis.call('HMGET', documents, revisionfield, namespace, ':cursor')
local current = stored[1] or ''
-- The answer of an attempt whose reply was lost.
if current == revision and stored[2] == text then
  return { 1, current }
end
if expected ~= '' and (stored[1] or '0') ~= expected then
  return { 0, current }
end
if stored[1] and tonumber(stored[1]) >= tonumber(revision) then
  return { 0, current }
end

local id = redis.pcall('XADD', changes, 'MAXLEN', most, '*', 'namespace', namespace, 'revision', revision, 'previous', stored[3] or '0-0')
if failed(id) then
  return id
end
local written = redis.pcall('HSET', documents, namespace, text, revisionfield, revision, ':cursor', id)
if failed(written) then
  redis.pcall('XDEL', changes, id)
  return written
end
return { 1, revision }
