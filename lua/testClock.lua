-- Purpose: the time of a test, and expiries that do not depend on it; takes the place of clock.lua for a store with the option clock.
-- KEYS: see fast.lua and full.lua.
-- ARGV[2]: the time, µs since the epoch.
-- Reply: see fast.lua and full.lua.
-- redis.calls: SET in setwithexpiry(); PEXPIRE in expirehash().

-- ms. The clock of a test may jump, and Redis must not expire a state that the test still counts.
local MINLIFETIME = 60000
-- µs. The clock of a test may step back to a time at which an entry still counts.
local KEPTFOR = 9007199254740991

local function now()
  return tonumber(ARGV[2])
end

local function setwithexpiry(key, value, expiry)
  local ms = math.floor(now() / 1000)
  return redis.pcall('SET', key, value, 'PX', math.max(MINLIFETIME, expiry - ms)).err
end

local function expirehash(key, lifetime)
  return redis.pcall('PEXPIRE', key, lifetime)
end
