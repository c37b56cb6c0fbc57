-- Purpose: what the algorithms of full.lua share. Their files follow, each with a table of functions under the algorithm's letter.
-- KEYS, ARGV, reply: see full.lua.
-- redis.calls: none.
--
-- Each table has these functions. A view is the state as it counts now.
--   decode(text), encode(state, limit): a value of Redis to a state and back, with the time in ms at which it expires
--   read(state, limit, micros): the view; the state may be nil
--   available(view, limit, micros): the units that may still be taken
--   admits(view, limit, micros, cost, facts): whether the cost may be taken
--   take(view, limit, micros, cost, facts): the state after it; nil if it stays as it is
--   giveback(view, limit, micros, units, receipt): the state after units were given back, and how many; nil if it stays as it is
--   toreply(state, limit, micros, facts, isshared): the state as the client needs it
--   isready(limit, micros), optional: whether the limit can be decided at this time
--   renews, optional: a receipt renews a holder

local algorithms = {}

-- The numbers of a state. A client's parser of integers may round numbers above 2^52, so those are sent as text.
local function numbersinreply(state)
  local reply = {}
  for i, n in ipairs(state) do
    reply[i] = n > 4503599627370496 and format('%.0f', n) or n
  end
  return reply
end

-- The integer below 2^53 in a text; nil for any other text, so that the state counts as absent.
local function integer(text)
  local n = tonumber(text)
  if n == nil or n < -MAX or n > MAX or n ~= floor(n) then
    return nil
  end
  return n
end
