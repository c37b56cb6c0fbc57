-- Purpose: what this region has counted, and whether others know it. packages/regions/src/steps.ts does the same.
-- KEYS, ARGV, reply: see regionCollect.lua and regionApply.lua.
-- redis.calls: none.

local abs = math.abs

-- Whether another region has counted something that still matters here.
local function isheard(parts, oldest)
  for _, part in pairs(parts) do
    if part.first >= oldest and (part.units ~= 0 or part.before ~= 0) then
      return true
    end
  end
  return false
end

local function ownwindow(shape, entries, account, terms)
  local window = windowof(shape, readentry(entries, shape[2]), account)
  local units, before = window.count - account.foreign, window.before - account.foreignbefore
  local reset = resetsince(shape, window)
  local isreset = reset ~= 0 and reset ~= account.publishedreset
  local least = terms.minimum * shape[4]
  local oldest = shape[1] == 's' and window.ends - shape[5] * 1000 or window.ends
  local ispublished = account.published ~= 0 or account.publishedbefore ~= 0
  account.ends = window.ends + shape[5] * 1000
  return {
    reset = reset,
    start = windowstart(shape, window.ends),
    units = units,
    before = before,
    ischanged = units ~= account.published or before ~= account.publishedbefore or isreset,
    unpublished = abs(units - account.published) + abs(before - account.publishedbefore),
    issmall = abs(units) < least and abs(before) < least and not isheard(account.parts, oldest) and not ispublished and not isreset,
    isempty = window.ends == 0 or units == 0 and before == 0 and not ispublished and reset == 0,
  }
end

local function ownbucket(shape, entries, account, terms)
  local units, birth = owntaken(readentry(entries, shape[3]))
  -- Twice as long as it holds, since it may still hold where the clock is behind.
  local reset = resetwithin(account.reset, 2 * terms.keep)
  if account.first ~= birth then
    account.first, account.published = birth, 0
  end
  local isreset = reset ~= 0 and reset ~= account.publishedreset
  local hasunits = false
  for _, part in pairs(account.parts) do
    hasunits = hasunits or part.units ~= 0
  end
  account.ends = micros + 2 * terms.keep
  return {
    reset = reset,
    start = birth,
    units = units,
    before = missingunits(shape, readentry(entries, shape[2])),
    ischanged = units ~= account.published or isreset,
    unpublished = abs(units - account.published),
    issmall = abs(units) < terms.minimum * shape[6] and not hasunits and account.published == 0 and not isreset,
    isempty = units == 0 and account.published == 0 and reset == 0,
  }
end

local function ownof(shape, entries, account, terms)
  return shape[1] == 'b' and ownbucket(shape, entries, account, terms) or ownwindow(shape, entries, account, terms)
end

-- A copy, for a look that must not change the ledger.
local function copyaccount(account)
  local copy = newaccount()
  for name, value in pairs(account) do
    copy[name] = value
  end
  copy.parts = {}
  for region, part in pairs(account.parts) do
    copy.parts[region] = { version = part.version, first = part.first, units = part.units, before = part.before, at = part.at }
  end
  return copy
end
