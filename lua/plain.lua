-- Purpose: decides a batch of plain decisions in order, each all or nothing and seeing those before it: they only take units,
--   each from a state of its own, under fixed and sliding windows and buckets. Any other goes to batch.lua, which would decide
--   these as well. Nearly every decision is plain, and nearly all of a server's time is spent in Lua: no tables are made for
--   one, nor numbers told as text.
-- KEYS: every state key of the batch, once; then the buckets.
-- ARGV[1]: JSON { now, limits, run, buckets }, buckets as packed.lua says, where the script has that
--   now, limits: as batch.lua has them; no calendar windows
--   run: of each decision the number of its charges, and limit, key (indexes from 1), cost of each
-- Reply: { now, unreadable states, error, told }
--   error: '' or that of the write which ended the batch: the decisions told stand, those after did not run
--   told: one string, for each decision '1' or '0' and the states it met, 24 bytes each, three NaN for an absent one; or '2'
--   with 4 bytes of length and a text that says why it makes no sense
-- redis.calls: TIME; MGET; one SET for each key that a decision changes; for places in buckets those of packed.lua. A refusal
--   writes nothing.

local batch = cjson.decode(ARGV[1])
local now, limits, run = batch[1], batch[2], batch[3]
local faked = now >= 0
if not faked then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local ms = fdiv(now, 1000)

local values, places, unreadable = nil, nil, 0
if packed then
  values, places, unreadable = packed.open(batch[4])
else
  -- A key of another type is read as absent too.
  values = redis.call('MGET', unpack(KEYS))
end

local ABSENT = string.rep('\255', 24)

-- By the first item of a limit: whether it is allowed, the bytes of the state it leaves and when that expires, nil where it
-- leaves all as it is.
local decide = {}

function decide.f(a, b, _, limit, cost)
  local start, count = fixedat(a, b, limit, ms)
  if count + cost > limit[2] then
    return false
  end
  return true, three(start, min(MAX, count + cost), 0), finish(start, limit)
end

function decide.s(a, b, c, limit, cost)
  local window = limit[3]
  local start, count, previous = slid(a, b, c, window, ms)
  local used = count + cost
  if previous > 0 then
    used = used + slidingweight(start, previous, window, ms)
  end
  if used > limit[2] then
    return false
  end
  local after = min(floor(MAX / window), count + cost)
  if after <= count then
    return true
  end
  return true, three(start, after, previous), start + 2 * window
end

function decide.b(a, b, c, limit, cost)
  local missing, rest = deficit(a, b, c, limit, now)
  if not bucketfits(missing, rest, limit, cost) then
    return false
  end
  local full
  full, rest = drained(missing, rest, limit, now, cost)
  if not full then
    return true
  end
  return true, bucketstate(full, rest, limit[2])
end

local out, n, at, err = {}, 0, 1, nil
local after, expires = {}, {}

-- Times as text: Redis would format the number each time, for a third of what a SET takes.
local stamps = {}

-- Value and expiry go in one command: a key without an expiry would block for ever. KEEPTTL would be cheaper, and would keep a
-- key that somebody made persistent. The error, nil if it was done.
local function set(key, text, expiry)
  if packed and places[key] then
    values[key] = text
    return packed.write(places[key], threeof(text))
  end
  local stamp = stamps[expiry]
  if not stamp then
    stamp = format('%.0f', faked and max(60000, expiry - ms) or expiry)
    stamps[expiry] = stamp
  end
  values[key] = text
  return redis.pcall('SET', KEYS[key], text, faked and 'PX' or 'PXAT', stamp).err
end

-- What a write to a place needs before any is made. The error, nil if it was done.
local function prepare(key, text, expiry)
  local place = packed and places[key]
  return place and packed.prepare(place, threeof(text), expiry, now, faked, false) or nil
end

-- The state under a key, as it was read and as numbers.
local function load(key)
  local text = values[key]
  if not text then
    return ABSENT
  end
  local a, b, c = threeof(text)
  if not a then
    unreadable = unreadable + 1
    values[key] = false
    return ABSENT
  end
  return text, a, b, c
end

-- The decision at this place, of several charges: what it tells goes behind the n-th.
local function several(charges)
  local isallowed = true
  out[n + 1] = '1'
  for j = 1, charges do
    local i = at + 3 * j - 2
    local limit = limits[run[i]]
    local text, a, b, c = load(run[i + 1])
    local fits
    fits, after[j], expires[j] = decide[limit[1]](a, b, c, limit, run[i + 2])
    isallowed = isallowed and fits
    out[n + 1 + j] = text
  end
  if not isallowed then
    out[n + 1] = '0'
    return
  end
  for j = 1, packed and charges or 0 do
    if after[j] and not err then
      err = prepare(run[at + 3 * j - 1], after[j], expires[j])
    end
  end
  for j = 1, charges do
    if after[j] and not err then
      err = set(run[at + 3 * j - 1], after[j], expires[j])
    end
  end
end

local function go()
  local size = #run
  while at <= size do
    local charges = run[at]
    if charges == 1 then
      local limit, key = limits[run[at + 1]], run[at + 2]
      local text, a, b, c = load(key)
      local fits, left, expiry = decide[limit[1]](a, b, c, limit, run[at + 3])
      out[n + 1] = fits and '1' or '0'
      out[n + 2] = text
      if left then
        local place = packed and places[key]
        if place then
          local start, count, previous = threeof(left)
          values[key], err = left, packed.put(place, start, count, previous, expiry, now, faked)
        else
          err = set(key, left, expiry)
        end
      end
    else
      several(charges)
    end
    if err then
      return
    end
    n = n + 1 + charges
    at = at + 1 + 3 * charges
  end
end

-- One that makes no sense must not take its neighbours with it.
repeat
  local isdone, thrown = pcall(go)
  if not isdone then
    local why = type(thrown) == 'table' and thrown.err or thrown
    out[n + 1], out[n + 2], out[n + 3] = '2', pack('>I4', #why), why
    n = n + 3
    at = at + 1 + 3 * run[at]
  end
until isdone
return { now, unreadable, err or '', table.concat(out, '', 1, n) }
