-- Purpose: decides a batch of plain decisions in order, each all or nothing and seeing those before it: they only take units,
--   each from a state of its own, under fixed and sliding windows and buckets. Any other goes to full.lua, which would decide
--   these as well. Nearly every decision is plain, and nearly all of a server's time is spent in Lua: no tables are made for
--   one, nor numbers told as text.
-- KEYS: every state key of the batch, once; then the buckets.
-- ARGV[1]: JSON { now, limits, run, buckets }, buckets as packed.lua says, where the script has that
--   now, limits: as full.lua has them; no calendar windows
--   run: of each decision the number of its charges, and limit, key (indexes from 1), cost of each
-- Reply: { now, unreadable states, error, told }
--   error: '' or that of the write which ended the batch: the decisions told stand, those after did not run
--   told: one string, for each decision '1' or '0' and the states it met, 24 bytes each, three NaN for an absent one; or '2'
--   with 4 bytes of length and a text that says why it makes no sense
-- redis.calls: TIME; MGET; one SETRANGE for each key that a decision changes in the second of its numbers alone, PTTL before the
--   first of them; one SET for each other; for places in buckets those of packed.lua. A refusal writes nothing.

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
-- By the first item of a limit, of the numbers of a state: whether it is allowed; then the numbers that it leaves, nil where it
-- leaves all as it is; and when those expire, which the first and the third alone decide.
local decide = {}

function decide.f(a, b, _, limit, cost)
  local start, count = fixedat(a, b, limit, ms)
  count = count + cost
  if count > limit[2] then
    return false
  end
  return true, start, count, 0, finish(start, limit)
end

function decide.s(a, b, c, limit, cost)
  local window = limit[3]
  local start, count, previous = slid(a, b, c, window, ms)
  count = count + cost
  if count > limit[2] or previous > 0 and count + slidingweight(start, previous, window, ms) > limit[2] then
    return false
  end
  return true, start, count, previous, start + 2 * window
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

-- By key, the second number of what is kept now, where that is not the one of its value.
local changed = {}

-- Times as text: Redis would format the number each time, for a third of what a SET takes.
local stamps = {}

-- Value and expiry go in one command: a key without an expiry would block for ever. The error, nil if it was done.
local function set(key, a, b, c, expiry)
  local text = three(a, b, c)
  values[key], changed[key] = text, nil
  if packed and places[key] then
    return packed.write(places[key], a, b, c)
  end
  local stamp = stamps[expiry]
  if not stamp then
    stamp = format('%.0f', faked and max(60000, expiry - ms) or expiry)
    stamps[expiry] = stamp
  end
  return redis.pcall('SET', KEYS[key], text, faked and 'PX' or 'PXAT', stamp).err
end

-- The second number alone is written into its place, for half of what a SET takes; the key keeps its expiry.
local function change(key, b)
  changed[key] = b
  local result = redis.pcall('SETRANGE', KEYS[key], '8', pack('>d', b))
  return type(result) == 'table' and result.err or nil
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
  if changed[key] then
    b = changed[key]
    text = three(a, b, c)
  end
  return text, a, b, c
end

local islooked = false

-- Whether a state that these numbers replace can be changed in place: its expiry is that of the first and the third. That the key
-- still has one is asked of one key a command, which costs little: one that somebody made persistent is set again, before long.
local function stays(key, a, c, first, third)
  if first ~= a or third ~= c then
    return false
  end
  if islooked then
    return true
  end
  islooked = true
  if packed and places[key] then
    -- What prepares a bucket looks.
    return false
  end
  local left = redis.pcall('PTTL', KEYS[key])
  err = type(left) == 'table' and left.err or nil
  return left ~= -1
end

-- The decision at this place, of one charge: what it tells goes behind the n-th.
local function one()
  local limit, key = limits[run[at + 1]], run[at + 2]
  local text, a, b, c = load(key)
  local isallowed, first, second, third, expiry = decide[limit[1]](a, b, c, limit, run[at + 3])
  out[n + 1] = isallowed and '1' or '0'
  out[n + 2] = text
  if not first then
    return
  end
  local ischange = stays(key, a, c, first, third)
  local place = packed and places[key]
  if place and not ischange then
    err = packed.prepare(place, first, expiry, now, faked, false)
  end
  if err then
    return
  end
  if ischange and not place then
    err = change(key, second)
  else
    err = set(key, first, second, third, expiry)
  end
end

local firsts, seconds, thirds, expires, ischange = {}, {}, {}, {}, {}

-- Writes what the decision at this place leaves. Half of it must not stay for want of a permission: SET comes first, and does
-- for SETRANGE where that is denied; what a bucket needs comes before either.
local function commit(charges)
  for j = 1, packed and charges or 0 do
    local place = places[run[at + 3 * j - 1]]
    if firsts[j] and place and not ischange[j] and not err then
      err = packed.prepare(place, firsts[j], expires[j], now, faked, false)
    end
  end
  local isset = false
  for j = 1, charges do
    if firsts[j] and not ischange[j] and not err then
      isset = true
      err = set(run[at + 3 * j - 1], firsts[j], seconds[j], thirds[j], expires[j])
    end
  end
  for j = 1, charges do
    if ischange[j] and not err then
      local key = run[at + 3 * j - 1]
      if not packed then
        err = change(key, seconds[j])
      end
      if packed or err and isset then
        err = set(key, firsts[j], seconds[j], thirds[j], expires[j])
      end
    end
  end
end

-- The decision at this place, of several charges.
local function several(charges)
  local isallowed = true
  out[n + 1] = '1'
  for j = 1, charges do
    local i = at + 3 * j - 2
    local limit = limits[run[i]]
    local text, a, b, c = load(run[i + 1])
    local fits
    fits, firsts[j], seconds[j], thirds[j], expires[j] = decide[limit[1]](a, b, c, limit, run[i + 2])
    isallowed = isallowed and fits
    ischange[j] = firsts[j] and stays(run[i + 1], a, c, firsts[j], thirds[j])
    out[n + 1 + j] = text
  end
  if isallowed then
    commit(charges)
  else
    out[n + 1] = '0'
  end
end

local function go()
  local size = #run
  while at <= size do
    local charges = run[at]
    if charges == 1 then
      one()
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
