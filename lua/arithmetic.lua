-- Purpose: the rules of windows and buckets, as functions of numbers; used by fast.lua and by the algorithms of full.lua.
-- KEYS, ARGV, reply: see fast.lua and full.lua. The files of the algorithms describe their limits.
-- redis.calls: none.
--
-- Every number is an integer below 2^53, which a double holds exactly. Three rules keep it so:
--   format with %.0f, since tostring() and .. write 1700000000123456 as 1.7000000001235e+15;
--   for a >= 0 and b > 0 the quotient a / b never rounds up to the next integer, so floor(a / b) and a % b are exact;
--   compare states as numbers, never as text.

local floor, max, min = math.floor, math.max, math.min

local MAX = 9007199254740991
-- ms. After the clock has stepped back, a window that starts up to this far ahead of now is kept.
local MAXAHEAD = 5000

-- floor(a / b) for a >= 0, b > 0
local function fdiv(a, b)
  return floor(a / b)
end

-- ceil(a / b) for a >= 0, b > 0
local function cdiv(a, b)
  local quotient = floor(a / b)
  return quotient * b == a and quotient or quotient + 1
end

-- The anchors of fixed windows.
local EPOCH, FIRSTCHARGE, CALENDAR = 0, 1, 2

-- The end of the fixed window that begins at start.
local function fixedend(start, limit)
  local anchor = limit[3]
  if anchor ~= CALENDAR then
    local window = limit[4]
    return start + window
  end
  local second, third = limit[5], limit[6]
  if start < second then
    return second
  end
  return third
end

-- The start of the current fixed window, and the units counted in it. start is nil for an absent state.
local function rolledfixed(start, count, limit, ms)
  local anchor = limit[3]
  if anchor == FIRSTCHARGE then
    local window = limit[4]
    -- The window begins with its first charge, so an empty one has not begun.
    if not start or count == 0 or ms >= start + window then
      return ms, 0
    end
    if start - ms <= MAXAHEAD then
      return start, count
    end
    return ms, count
  end
  local current = limit[4]
  if anchor == EPOCH then
    local window = limit[4]
    current = ms - ms % window
  else
    local second = limit[5]
    if ms >= second then
      current = second
    end
  end
  if not start or start < current then
    return current, 0
  end
  if start == current or start - ms <= MAXAHEAD then
    return start, count
  end
  return current, count
end

-- The start of the current sliding window, the units counted in it and those counted in the window before. start is nil for an absent
-- state.
local function rolledwindow(start, count, previous, window, ms)
  local current = ms - ms % window
  if not start or start < current - window then
    return current, 0, 0
  end
  if start < current then
    return current, 0, count
  end
  if start - ms <= MAXAHEAD then
    return start, count, previous
  end
  return current, count, previous
end

-- What the units of the window before still count. A window ahead of now counts as just begun.
local function weightof(start, previous, window, ms)
  return previous == 0 and 0 or cdiv(previous * (window - max(0, ms - start)), window)
end

-- The numbers of a bucket's state, and when it expires (ms). Without a remainder its rate does not matter.
local function bucketstate(full, rest, rate)
  return full, rest, rest > 0 and rate or 0, cdiv(rest > 0 and full + 1 or full, 1000)
end

-- What a bucket lacks under this limit: missing * tokens + rest credits. full is nil for an absent state.
local function deficitof(full, rest, rate, limit, micros)
  if not full or full < micros then
    return 0, 0
  end
  local tokens = limit[2]
  local missing = full - micros
  if rest == 0 or rate == tokens then
    return missing, rest
  end
  -- The remainder belongs to another rate: it is rounded up, so that a changed limit gives nothing back.
  return missing + 1, 0
end

-- Whether the bucket has this many tokens.
local function bucketadmits(missing, rest, limit, cost)
  local tokens, period, burst = limit[2], limit[3], limit[4]
  if cost > burst then
    return false
  end
  local spare = burst * period - cost * period - rest
  if spare < 0 then
    return missing + cdiv(-spare, tokens) <= 0
  end
  return missing <= fdiv(spare, tokens)
end

-- full and rest after a charge; nil if the charge changes nothing.
local function drained(missing, rest, limit, micros, cost)
  local tokens, period, burst, debt = limit[2], limit[3], limit[4], limit[5]
  local most = (burst + debt) * period
  if missing > fdiv(most, tokens) then
    return nil
  end
  local lacking = missing * tokens + rest
  if lacking >= most then
    return nil
  end
  local credits = min(cost, burst + debt) * period
  local after = credits > most - lacking and most or lacking + credits
  return micros + fdiv(after, tokens), after % tokens
end
