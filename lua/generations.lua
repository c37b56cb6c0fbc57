-- Purpose: reads the generations of limiters. A script, since a primary runs it: a client may send MGET to a replica. Some clients also add
--   their key prefix only to commands whose names are in lower case. All parts of its script.
-- KEYS: the keys of the generations.
-- ARGV: none.
-- Reply: the generation of each key, as MGET returns it.
-- redis.calls: MGET.

return redis.call('MGET', unpack(KEYS))
