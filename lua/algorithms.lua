-- Purpose: what the algorithms of full.lua share. Their files follow, each with a table of functions under the algorithm's letter.
-- KEYS, ARGV, reply: see full.lua.
-- redis.calls: none.
--
-- Windows and buckets are entries of a value (isentry): their state is a list of three numbers, empty for an absent one. Holders are a sorted
-- set (isset), of which a part is read, as concurrency.lua describes. A log is a text, and nil for an absent one. Each table has these functions:
--   available(limit, state): the units that may still be taken
--   charge(limit, state, cost, facts, isforced): whether the cost is admitted, and the state after it; nil if it stays as it is
--   giveback(limit, state, units, receipt): the state after units were given back, and how many; nil if it stays as it is
--   isready(limit), optional: whether the limit can be decided at this time
--   renews, optional: a receipt renews a holder
--   taken(limit, taken, units, before, after), optional: the second entry of a limit that regions exchange; its id is limit[8]
-- A log also has:
--   decode(text), encode(state, limit): a value of Redis to a state and back, with the time in ms at which it expires
--   toreply(limit, state, facts, isshared): the state as the client needs it
-- A set also has:
--   read(name, most): the set under a key, with up to most members from each end
--   toreply(set, decision, key): the set as the client needs it
--   add(state), remove(state), undo(state): write the changes; the error, nil if it was done
--   written(state): the set after that; nil if it must be read again

local algorithms = {}

-- The results of a charge function of arithmetic.lua, with the numbers as a state.
local function newstate(isadmitted, first, second, third)
  return isadmitted, first and { first, second, third } or nil
end

-- The integer below 2^53 in a text; nil for any other text, so that the state counts as absent.
local function integer(text)
  local n = tonumber(text)
  if n == nil or n < -MAX or n > MAX or n ~= floor(n) then
    return nil
  end
  return n
end
