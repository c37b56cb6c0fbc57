-- Purpose: what is used by both scripts, fast.lua and full.lua; the first part of each.
-- KEYS, ARGV, reply: see those.
-- redis.calls: none.
--
-- Every number is an integer below 2^53, which a double holds exactly. Three habits keep it so:
--   %.0f, since tostring() and .. write 1700000000123456 as 1.7000000001235e+15;
--   the quotient of two such integers, a >= 0 and b > 0, never rounds up to the next one: floor(a / b) and a % b are exact;
--   states are compared as numbers, never as text.
-- A state of three numbers is kept as three doubles: to write and to read that takes a tenth of what text takes.

local floor, max, min, match, format = math.floor, math.max, math.min, string.match, string.format
local pack, unpacked, type = struct.pack, struct.unpack, type

-- Of packed.lua, nil in a script that is without.
local packed = nil

-- floor(a / b) for a >= 0, b > 0
local function fdiv(a, b)
  return floor(a / b)
end

-- ceil(a / b) for a >= 0, b > 0
local function cdiv(a, b)
  local quotient = floor(a / b)
  return quotient * b == a and quotient or quotient + 1
end

local MAX = 9007199254740991
-- ms: a window that starts this far ahead of now is kept when the clock steps back
local AHEAD = 5000

local function three(a, b, c)
  return pack('>ddd', a, b, c)
end

-- The three numbers, of which only the first may be below 0; nil for anything else, NaN and infinities among it.
local function threeof(text)
  if #text ~= 24 then
    return nil
  end
  local a, b, c = unpacked('>ddd', text)
  if a % 1 == 0 and b % 1 == 0 and c % 1 == 0 and a >= -MAX and a <= MAX and b >= 0 and b <= MAX and c >= 0 and c <= MAX then
    return a, b, c
  end
  return nil
end
