-- Purpose: what every algorithm here uses. First part of the one script; the algorithms follow, batch.lua ends it.
-- KEYS, ARGV, reply: see batch.lua.
-- redis.calls: none.
--
-- Every number is an integer below 2^53, which a double holds exactly. Three habits keep it so:
--   %.0f, since tostring() and .. write 1700000000123456 as 1.7000000001235e+15;
--   math.fmod, since Lua's % divides first and rounds;
--   states are compared as numbers, never as text.

local algorithms = {}

-- floor(a / b) for a >= 0, b > 0
local function fdiv(a, b)
  return (a - math.fmod(a, b)) / b
end

-- ceil(a / b) for a >= 0, b > 0
local function cdiv(a, b)
  local rest = math.fmod(a, b)
  if rest > 0 then
    return (a - rest) / b + 1
  end
  return (a - rest) / b
end

local MAX = 9007199254740991
-- ms: a window that starts this far ahead of now is kept when the clock steps back
local AHEAD = 5000

-- Numbers as text where a client's parser of integers may round: above 2^52.
local function told(state)
  local reply = {}
  for i, n in ipairs(state) do
    reply[i] = n > 4503599627370496 and string.format('%.0f', n) or n
  end
  return reply
end

-- Text that is not an integer below 2^53 is no number: a garbled state counts as absent.
local function integer(text)
  local n = tonumber(text)
  if n == nil or n < -MAX or n > MAX or n ~= math.floor(n) then
    return nil
  end
  return n
end
