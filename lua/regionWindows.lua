-- Purpose: what regions do with windows: the window of now, this region's own units, and the units of another region. packages/regions/src/windows.ts
--   does the same.
-- KEYS, ARGV, reply: see regionCollect.lua and regionApply.lua.
-- redis.calls: none.
--
-- A shape is { kind, id, takenid, n, p, burst, start }: kind 'f', 's' or 'b'; p the length in ms; start (ms) that of a fixed window, or -1.

-- ms. A window that begins later comes from a region whose clock is wrong.
local MAXAHEADOFREGION = 60000

local function currentuntil(shape)
  local length, start = shape[5], shape[7]
  if shape[1] == 's' then
    return (ms - ms % length + 2 * length) * 1000
  end
  return start >= 0 and ms >= start and ms < start + length and (start + length) * 1000 or 0
end

local function windowstart(shape, ends)
  return ends / 1000 - (shape[1] == 's' and 2 * shape[5] or shape[5])
end

-- An account of the window that counts until then.
local function moveaccount(shape, account, ends)
  if account.first >= ends then
    account.first = ends
    return
  end
  local isnext = shape[1] == 's' and account.first == ends - shape[5] * 1000
  account.foreignbefore, account.publishedbefore = isnext and account.foreign or 0, isnext and account.published or 0
  account.first, account.foreign, account.published = ends, 0, 0
end

-- Moves a window, { ends, count, before, account }, to the one that counts until then.
local function movewindow(shape, window, ends)
  if ends <= window.ends then
    return
  end
  local isnext = shape[1] == 's' and ends == window.ends + shape[5] * 1000
  window.before = isnext and max(0, window.count) or 0
  window.ends, window.count = ends, 0
  moveaccount(shape, window.account, ends)
end

-- The window of now. A state that is absent has lost what other regions put there, so the account forgets it too.
local function windowof(shape, state, account)
  local current = currentuntil(shape)
  local isover = not state
  if state then
    isover = shape[1] == 's' and state[1] < current - shape[5] * 1000 or shape[1] ~= 's' and state[1] <= micros
  end
  if isover then
    account.first, account.foreign, account.foreignbefore, account.published, account.publishedbefore = current, 0, 0, 0, 0
    for _, part in pairs(account.parts) do
      part.units, part.before = 0, 0
    end
    return { ends = current, count = 0, before = 0, account = account }
  end
  local target = max(state[1], current)
  local window = { ends = state[1], count = state[2], before = state[3], account = newaccount() }
  movewindow(shape, window, target)
  moveaccount(shape, account, target)
  window.account = account
  return window
end

-- A reset, if it concerns the window that counts until then.
local function resetin(shape, ends, reset)
  return reset >= windowstart(shape, ends) * 1000 and reset or 0
end

local function resetsince(shape, window)
  return resetin(shape, shape[1] == 's' and window.ends - shape[5] * 1000 or window.ends, window.account.reset)
end

-- Forgets what a later reset than the known one concerns.
local function applyreset(shape, window, reset)
  local account, previous = window.account, window.ends - shape[5] * 1000
  if resetin(shape, previous, reset) <= resetin(shape, previous, account.reset) then
    return
  end
  local iscurrent = resetin(shape, window.ends, reset) > 0
  for _, part in pairs(account.parts) do
    if iscurrent or part.first ~= window.ends then
      part.units = 0
    end
    part.before = 0
  end
  account.reset, account.publishedreset = reset, reset
  window.before, account.foreignbefore, account.publishedbefore = 0, 0, 0
  if iscurrent then
    window.count, account.foreign, account.published = 0, 0, 0
  end
end

-- Units, of a window and the one before, in the window that counts until ends; nil if they say nothing of it.
local function unitsin(shape, first, units, before, ends)
  if first == ends then
    return units
  elseif shape[1] == 's' and first == ends + shape[5] * 1000 then
    return before
  end
  return first > ends and 0 or nil
end

-- What a record has more than was applied, and what is known after it.
local function differencein(shape, window, part, record, ends, recordends)
  local known = part and unitsin(shape, part.first, part.units, part.before, ends) or 0
  local isold = resetin(shape, ends, record.reset) < resetin(shape, ends, window.account.reset)
  local units = not isold and unitsin(shape, recordends, record.units, record.before, ends) or known
  return units - known, units
end

-- Units above a limit that were not above it before.
local function newlyover(before, after, most)
  return max(0, max(0, after - most) - max(0, before - most))
end

-- Applies a record to a window. The result, ms to wait, and after 'done' the state and the units that are newly above the limit.
local function applywindow(shape, state, account, record, source)
  local window = windowof(shape, state, account)
  local length = shape[5]
  local recordends = (record.start + (shape[1] == 's' and 2 * length or length)) * 1000
  local wait = record.start - ms
  if wait > 0 and recordends > window.ends then
    return wait > MAXAHEADOFREGION and 'ahead' or 'early', wait
  end
  local oldest = shape[1] == 's' and window.ends - length * 1000 or window.ends
  if recordends <= micros or recordends < oldest then
    return 'late', 0
  end
  movewindow(shape, window, recordends)
  applyreset(shape, window, record.reset)
  local part = account.parts[source.region]
  local units, known = differencein(shape, window, part, record, window.ends, recordends)
  local unitsbefore, knownbefore = 0, 0
  if shape[1] == 's' then
    unitsbefore, knownbefore = differencein(shape, window, part, record, window.ends - length * 1000, recordends)
  end
  local before = max(0, window.before + unitsbefore)
  local count = window.count + units
  account.foreign, account.foreignbefore = account.foreign + units, account.foreignbefore + before - window.before
  account.parts[source.region] =
    { version = source.version, first = window.ends, units = known, before = knownbefore, at = source.at }
  account.ends = window.ends + length * 1000
  return 'done', 0, { window.ends, count, before }, newlyover(window.count, count, shape[4]), 0
end
