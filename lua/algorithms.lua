-- Purpose: what every algorithm of full.lua uses; their files follow, each with its table of functions.
-- KEYS, ARGV, reply: see full.lua.
-- redis.calls: none.

local algorithms = {}

-- Numbers as text where a client's parser of integers may round: above 2^52.
local function told(state)
  local reply = {}
  for i, n in ipairs(state) do
    reply[i] = n > 4503599627370496 and format('%.0f', n) or n
  end
  return reply
end

-- Text that is not an integer below 2^53 is no number: a garbled state counts as absent.
local function integer(text)
  local n = tonumber(text)
  if n == nil or n < -MAX or n > MAX or n ~= floor(n) then
    return nil
  end
  return n
end
