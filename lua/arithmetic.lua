-- Purpose: what windows and buckets count, on bare numbers: for both scripts. The limits are as fixedWindow.lua, slidingWindow.lua
-- and bucket.lua have them.
-- KEYS, ARGV, reply: see fast.lua and full.lua.
-- redis.calls: none.

-- The end of the window that begins at start.
local function finish(start, limit)
  if limit[3] < 2 then
    return start + limit[4]
  end
  if start < limit[5] then
    return limit[5]
  end
  return limit[6]
end

-- The start and the count as they are now; start is nil for an absent state.
local function fixedat(start, count, limit, ms)
  if limit[3] == 1 then
    -- From the first charge: a window in which nothing is counted has not begun.
    if not start or count == 0 or ms >= start + limit[4] then
      return ms, 0
    end
    if start - ms <= AHEAD then
      return start, count
    end
    return ms, count
  end
  local begin = limit[4]
  if limit[3] == 0 then
    begin = ms - ms % begin
  elseif ms >= limit[5] then
    begin = limit[5]
  end
  if not start or start < begin then
    return begin, 0
  end
  if start == begin or start - ms <= AHEAD then
    return start, count
  end
  return begin, count
end

-- Start, count and previous as they count now; start is nil for an absent state.
local function slid(start, count, previous, window, ms)
  local current = ms - ms % window
  if not start or start < current - window then
    return current, 0, 0
  end
  if start < current then
    return current, 0, count
  end
  if start - ms <= AHEAD then
    return start, count, previous
  end
  return current, count, previous
end

-- What the window before still weighs; a window ahead of now is held at its beginning.
local function slidingweight(start, previous, window, ms)
  return previous == 0 and 0 or cdiv(previous * (window - max(0, ms - start)), window)
end

-- The numbers of a state, and when it expires, ms.
local function bucketstate(full, rest, rate)
  return full, rest, rest > 0 and rate or 0, cdiv(rest > 0 and full + 1 or full, 1000)
end

-- f, r under this limit: the deficit is f * N + r credits; f has no bound after a step back of the clock.
local function deficit(full, rest, rate, limit, now)
  if not full or full < now then
    return 0, 0
  end
  local missing = full - now
  if rest == 0 or rate == limit[2] then
    return missing, rest
  end
  return missing + 1, 0
end

local function bucketfits(missing, rest, limit, cost)
  if cost > limit[4] then
    return false
  end
  local n = limit[2]
  local spare = limit[4] * limit[3] - cost * limit[3] - rest
  if spare < 0 then
    return missing + cdiv(-spare, n) <= 0
  end
  return missing <= fdiv(spare, n)
end

-- F and r after a charge; nil where it changes nothing.
local function drained(missing, rest, limit, now, cost)
  local n, p = limit[2], limit[3]
  local most = (limit[4] + limit[5]) * p
  if missing > fdiv(most, n) then
    return nil
  end
  local met = missing * n + rest
  if met >= most then
    return nil
  end
  local credits = min(cost, limit[4] + limit[5]) * p
  local left = credits > most - met and most or met + credits
  return now + fdiv(left, n), left % n
end
