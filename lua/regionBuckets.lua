-- Purpose: what regions do with buckets. packages/regions/src/buckets.ts does the same.
-- KEYS, ARGV, reply: see regionCollect.lua and regionApply.lua.
-- redis.calls: none.
--
-- Beside a bucket is a second entry: until when it counts (µs), units taken less units given back, and the birth (µs).

-- µs that are missing, and credits beyond them.
local function missingof(shape, state)
  if not state or state[1] < micros then
    return 0, 0
  elseif state[2] == 0 or state[3] == shape[4] then
    return state[1] - micros, state[2]
  end
  return state[1] - micros + 1, 0
end

-- Units that are missing now, rounded up.
local function missingunits(shape, state)
  local missing, rest = missingof(shape, state)
  local n, p = shape[4], shape[5]
  if missing > MAX / (2 * n) then
    return math.ceil(missing / (p / n))
  end
  return math.ceil((missing * n + rest) / p)
end

-- Units taken since the birth, and the birth; 0 and 0 if nothing counts.
local function owntaken(taken)
  if not taken or taken[1] < micros then
    return 0, 0
  end
  return taken[2], taken[3]
end

-- A reset, while no message from before it can come.
local function resetwithin(reset, keep)
  return reset > micros - keep and reset or 0
end

-- Takes units by force, or gives them back. The state, nil for a full bucket, and units that it had no room for.
local function chargeregion(shape, state, units, regions)
  local n, p, burst = shape[4], shape[5], shape[6]
  local missing, rest = missingof(shape, state)
  local most = regions * burst * p
  if units == 0 then
    return state, 0
  elseif missing > fdiv(most, n) then
    return state, max(0, units)
  end
  local credits = missing * n + rest
  if units < 0 then
    local left = max(0, credits - min(-units, regions * burst) * p)
    if left == 0 then
      return nil, 0
    end
    return { drained(left, n) }, 0
  end
  local taken = max(0, min(min(units, regions * burst) * p, most - credits))
  return { drained(credits + taken, n) }, units - fdiv(taken, p)
end

-- Applies a record to a bucket. The result, ms to wait, and after 'done' the state, units that are newly above the limit, units that it had no
-- room for, and the second entry.
local function applybucket(shape, state, taken, account, record, source, terms)
  local keep = terms.keep
  if source.at * 1000 < micros - keep then
    return 'late', 0
  end
  local reported, mine = resetwithin(record.reset, keep), resetwithin(account.reset, keep)
  if reported < mine then
    return 'late', 0
  end
  local isreset = reported > mine
  if isreset then
    for _, part in pairs(account.parts) do
      part.first, part.units, part.at = 0, 0, 0
    end
    account.reset, account.publishedreset, account.published, account.first = reported, reported, 0, 0
    state, taken = nil, nil
  end
  local part = account.parts[source.region]
  local difference = part and part.first == record.start and record.units - part.units or record.units
  local since = max(part and part.at or 0, record.start / 1000)
  if source.at - since > keep / 1000 then
    difference = min(difference, record.before)
  end
  local after, forgiven = chargeregion(shape, state, difference, terms.regions)
  if taken and taken[1] >= micros then
    taken = { max(taken[1], (after and after[1] or 0) + keep), taken[2], taken[3] }
  else
    taken = nil
  end
  account.parts[source.region] = { version = source.version, first = record.start, units = record.units, before = 0, at = source.at }
  account.ends = micros + 2 * keep
  return 'done', 0, after, newlyover(missingunits(shape, state), missingunits(shape, after), shape[6]), forgiven, taken
end
