-- Purpose: how the state of a window or a bucket is stored: three big-endian doubles; used by fast.lua and full.lua.
-- KEYS, ARGV, reply: see fast.lua and full.lua.
-- redis.calls: none.
--
-- Doubles are read and written in a tenth of the time of text.

local match, format, type = string.match, string.format, type
local pack, unpacked = struct.pack, struct.unpack

-- The functions of packed.lua; nil in a script without it.
local packed = nil

local function encodestate(a, b, c)
  return pack('>ddd', a, b, c)
end

-- The three numbers. nil for anything else, also for NaN and infinities. Only the first number may be below 0.
local function decodestate(text)
  if #text ~= 24 then
    return nil
  end
  local a, b, c = unpacked('>ddd', text)
  if a % 1 == 0 and b % 1 == 0 and c % 1 == 0 and a >= -MAX and a <= MAX and b >= 0 and b <= MAX and c >= 0 and c <= MAX then
    return a, b, c
  end
  return nil
end

-- The error in a reply of redis.pcall, which may be a number or a text; nil if there is none.
local function errorof(reply)
  return type(reply) == 'table' and reply.err or nil
end
