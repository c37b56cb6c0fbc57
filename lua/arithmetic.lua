-- Purpose: the rules of windows and buckets, as functions of numbers; used by fast.lua and full.lua.
-- KEYS, ARGV, reply: see fast.lua and full.lua. The files of the algorithms describe their limits.
-- redis.calls: none; TIME by now().
--
-- Every number is an integer below 2^53, which a double holds exactly. Three rules keep it so:
--   format with %.0f, since tostring() and .. write 1700000000123456 as 1.7000000001235e+15;
--   for a >= 0 and b > 0 the quotient a / b never rounds up to the next integer, so floor(a / b) and a % b are exact;
--   compare states as numbers, never as text.
--
-- A state is three numbers: first, second and third. The first is nil for an absent state. An algorithm has two functions here:
--   prepare(limit): computes once a batch what all its decisions share
--   charge(limit, first, second, third, cost, isforced): whether the cost is admitted, and the numbers of the state after it (nil if the
--     state stays as it is). A forced charge is always admitted; what it takes is bounded, so that the numbers stay exact.

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

-- The time of all decisions of the batch.
local micros = now()
local ms = fdiv(micros, 1000)

-- The anchors of fixed windows.
local FIRSTCHARGE, CALENDAR, MOVABLE = 1, 2, 3

-- limit[5] to limit[8] become: the earliest and the latest end (µs) of a window that still counts as it is; the end of the current window;
-- whether the current window begins with its first charge.
local function preparefixed(limit)
  local anchor, length = limit[4], limit[5]
  local isfirst = anchor == FIRSTCHARGE
  local current, latest
  if anchor == CALENDAR then
    local first, second, third, fourth = limit[5], limit[6], limit[7], limit[8]
    -- A client whose clock is wrong computes calendar windows that do not contain the server's time.
    limit[9] = ms < first or ms >= third
    local following = third
    current = second
    if ms >= second then
      current, following = third, fourth
    end
    latest = current - ms <= MAXAHEAD and following or current
  elseif anchor == MOVABLE then
    local first, second, third = limit[5], limit[6], limit[7]
    current, latest = limit[8], limit[9]
    if ms >= second then
      current, latest = limit[10], limit[11]
    end
    limit[9] = ms < first or ms >= third
  else
    current = (isfirst and ms or ms - ms % length) + length
    latest = ms + MAXAHEAD + length
  end
  limit[5] = isfirst and ms * 1000 + 1 or current * 1000
  limit[6], limit[7], limit[8] = latest * 1000, current * 1000, isfirst
end

-- The end of the current fixed window (µs), and the units counted in it.
local function rolledfixed(limit, finish, count)
  local earliest, latest, current, isfirst = limit[5], limit[6], limit[7], limit[8]
  if not finish or finish < earliest then
    return current, 0
  end
  -- The window begins with its first charge, so an empty one has not begun.
  if finish > latest or isfirst and count == 0 then
    return current, count
  end
  return finish, count
end

local function chargefixed(limit, finish, count, _, cost, isforced)
  local quantity, current = limit[3], limit[7]
  -- A call takes 2 % of a decision, and mostly the window is the current one.
  if finish ~= current then
    finish, count = rolledfixed(limit, finish, count)
  end
  local after = count + cost
  if after > quantity then
    if not isforced then
      return false
    end
    after = min(MAX, after)
    if after <= count then
      return true
    end
  end
  return true, finish, after, 0
end

-- limit[5] to limit[7] become: the end (µs) of the window after the current one; the latest such end of a window that counts as it is; how
-- many ms of the window before the current one still count.
local function preparesliding(limit)
  local length = limit[4]
  local elapsed = ms % length
  limit[5], limit[6], limit[7] = (ms - elapsed + 2 * length) * 1000, (ms + MAXAHEAD + 2 * length) * 1000, length - elapsed
end

-- The end of the window after the current one (µs), the units counted in the current window and in the one before.
local function rolledsliding(limit, finish, count, previous)
  local length, current, latest = limit[4], limit[5], limit[6]
  if not finish or finish < current - length * 1000 then
    return current, 0, 0
  end
  if finish < current then
    -- Rights that were not used end with their window.
    return current, 0, max(0, count)
  end
  if finish > latest then
    return current, count, previous
  end
  return finish, count, previous
end

-- What the units of the window before still count. A window ahead of now counts as just begun.
local function weightof(limit, finish, previous)
  local length, current, left = limit[4], limit[5], limit[7]
  return finish > current and previous or cdiv(previous * left, length)
end

local function chargesliding(limit, finish, count, previous, cost, isforced)
  local quantity, length, current = limit[3], limit[4], limit[5]
  if finish ~= current then
    finish, count, previous = rolledsliding(limit, finish, count, previous)
  end
  local after = count + cost
  local weight = previous == 0 and 0 or weightof(limit, finish, previous)
  if after + weight > quantity then
    if not isforced then
      return false
    end
    -- A larger count would not stay exact when it is weighed.
    after = min(fdiv(MAX, length), after)
    if after <= count then
      return true
    end
  end
  return true, finish, after, previous
end

-- What a bucket lacks under this limit: missing (µs) * tokens + rest credits.
local function deficitof(limit, full, rest, rate)
  -- A rest that its rate does not allow was not written by Sluice.
  if not full or full < micros or rest ~= 0 and (rest < 0 or rest >= rate) then
    return 0, 0
  end
  local tokens = limit[3]
  local missing = full - micros
  if rest == 0 or rate == tokens then
    return missing, rest
  end
  -- The remainder belongs to another rate: it is rounded up, so that a changed limit gives nothing back.
  return missing + 1, 0
end

-- The numbers of a bucket that lacks so many credits.
local function drained(credits, tokens)
  local rest = credits % tokens
  return micros + fdiv(credits, tokens), rest, rest > 0 and tokens or 0
end

local function forcebucket(limit, missing, rest, cost)
  local tokens, period, burst, debt = limit[3], limit[4], limit[5], limit[6]
  local most = (burst + debt) * period
  if missing > fdiv(most, tokens) then
    return true
  end
  local lacking = missing * tokens + rest
  if lacking >= most then
    return true
  end
  local credits = min(cost, burst + debt) * period
  return true, drained(credits > most - lacking and most or lacking + credits, tokens)
end

local function chargebucket(limit, full, rest, rate, cost, isforced)
  local tokens, period, burst = limit[3], limit[4], limit[5]
  local missing, remainder = 0, 0
  if full and full >= micros then
    missing, remainder = deficitof(limit, full, rest, rate)
  end
  local spare = cost <= burst and (burst - cost) * period - remainder or -1
  if spare >= 0 and missing <= floor(spare / tokens) then
    return true, drained(missing * tokens + remainder + cost * period, tokens)
  end
  if not isforced then
    return false
  end
  return forcebucket(limit, missing, remainder, cost)
end

-- Of a limit that regions share, the third number is what this region may use, and the twelfth the whole limit: more is never admitted at once.
local function exceeds(limit, cost, isforced)
  return limit[12] and cost > limit[12] and not isforced
end

-- The most units that can be given back to a count. With rights a receipt may take it below 0, and without one none are given back, since the count
-- also has what was given to other regions.
local function mostback(limit, count, isreceipt, largest)
  if not limit[12] then
    return max(0, count)
  end
  return isreceipt and count + largest or 0
end

-- By the letter of an algorithm.
local prepare = { f = preparefixed, s = preparesliding }
local charge = { f = chargefixed, s = chargesliding, b = chargebucket }

-- The charge function of a limit.
local function chargeof(limit)
  local own = charge[limit[1]]
  if not limit[12] then
    return own
  end
  return function(given, first, second, third, cost, isforced)
    if exceeds(given, cost, isforced) then
      return false
    end
    return own(given, first, second, third, cost, isforced)
  end
end
