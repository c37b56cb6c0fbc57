// Generated from lua/ by `node scripts/embed-lua.ts`. Do not edit.
const lib = String.raw`local floor, max, min, match, format = math.floor, math.max, math.min, string.match, string.format
local pack, unpacked, type = struct.pack, struct.unpack, type
local packed = nil
local function fdiv(a, b)
return floor(a / b)
end
local function cdiv(a, b)
local quotient = floor(a / b)
return quotient * b == a and quotient or quotient + 1
end
local MAX = 9007199254740991
local AHEAD = 5000
local function three(a, b, c)
return pack('>ddd', a, b, c)
end
local function threeof(text)
if #text ~= 24 then
return nil
end
local a, b, c = unpacked('>ddd', text)
if a % 1 == 0 and b % 1 == 0 and c % 1 == 0 and a >= -MAX and a <= MAX and b >= 0 and b <= MAX and c >= 0 and c <= MAX then
return a, b, c
end
return nil
end`

const arithmetic = String.raw`local function finish(start, limit)
if limit[3] < 2 then
return start + limit[4]
end
if start < limit[5] then
return limit[5]
end
return limit[6]
end
local function fixedat(start, count, limit, ms)
if limit[3] == 1 then
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
local function slidingweight(start, previous, window, ms)
return previous == 0 and 0 or cdiv(previous * (window - max(0, ms - start)), window)
end
local function bucketstate(full, rest, rate)
return full, rest, rest > 0 and rate or 0, cdiv(rest > 0 and full + 1 or full, 1000)
end
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
end`

const fast = String.raw`local batch = cjson.decode(ARGV[1])
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
values = redis.call('MGET', unpack(KEYS))
end
local ABSENT = string.rep('\255', 24)
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
local changed = {}
local stamps = {}
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
local function change(key, b)
changed[key] = b
local result = redis.pcall('SETRANGE', KEYS[key], '8', pack('>d', b))
return type(result) == 'table' and result.err or nil
end
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
local function stays(key, a, c, first, third)
if first ~= a or third ~= c then
return false
end
if islooked then
return true
end
islooked = true
if packed and places[key] then
return false
end
local left = redis.pcall('PTTL', KEYS[key])
err = type(left) == 'table' and left.err or nil
return left ~= -1
end
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
repeat
local isdone, thrown = pcall(go)
if not isdone then
local why = type(thrown) == 'table' and thrown.err or thrown
out[n + 1], out[n + 2], out[n + 3] = '2', pack('>I4', #why), why
n = n + 3
at = at + 1 + 3 * run[at]
end
until isdone
return { now, unreadable, err or '', table.concat(out, '', 1, n) }`

const packed = String.raw`packed = {}
local function errorof(result)
return type(result) == 'table' and result.err or nil
end
local IDS = 16
local SPANS = { 256, 4096, 2097152 }
local FULL = 96
local SLACK = 1000
local function natural(text)
local n = tonumber(text)
return n and n >= 0 and n <= MAX and n % 1 == 0 and n or nil
end
local function readentry(text, base, window)
local n = natural(text)
if not n then
local start, count, previous = match(text, '^(%d+):(%d+):(%d+)$')
if start then
start, count, previous = natural(start), natural(count), natural(previous)
end
if start and count and previous then
return start, count, previous
end
return nil
end
local id, rest = n % IDS, fdiv(n, IDS)
local span, units = SPANS[rest % 4], fdiv(rest, 4)
local start = (base + (id - base) % IDS) * window
if start > MAX then
return nil
end
if span then
return start, units % span, fdiv(units, span)
end
return start, units, 0
end
local function writeentry(bucket, start, count, previous)
local id, class, span = start / bucket.window, 0, 0
while previous > 0 and count >= span and class < 3 do
class = class + 1
span = SPANS[class]
end
if id % 1 == 0 and id >= (bucket.next or bucket.base) and id < bucket.base + IDS and (count < span or class == 0) then
local n = ((previous * span + count) * 4 + class) * IDS + id % IDS
if n <= MAX then
return n
end
end
return format('%.0f:%.0f:%.0f', start, count, previous)
end
local function readheader(bucket, text)
local base, following, cursor = natural(text), false, '0'
if not base then
base, following, cursor = match(text, '^(%d+):(%d+):(%d+)$')
base, following = base and natural(base), following and natural(following)
end
bucket.base, bucket.next, bucket.cursor = base or false, following or false, cursor or '0'
return base and (following or cursor == '0')
end
local function writeheader(bucket)
local text = format('%.0f', bucket.base)
if bucket.next then
text = format('%.0f:%.0f:%s', bucket.base, bucket.next, bucket.cursor)
end
return errorof(redis.pcall('HSET', bucket.key, '.', text))
end
local function openplace(place, number, values)
local bucket = place.bucket
local reply = redis.pcall('HMGET', bucket.key, '.', place.field)
if reply.err and not match(reply.err, 'WRONGTYPE') then
redis.call('HMGET', bucket.key, '.', place.field)
end
local header, entry = reply[1], reply[2]
if reply.err or entry and not header or header and not bucket.base and not readheader(bucket, header) then
bucket.isalien = true
return false
end
if entry then
local start, count, previous = readentry(entry, bucket.base, bucket.window)
if not start then
return false
end
values[number], place.isnew = three(start, count, previous), false
end
return true
end
function packed.open(told)
local values, places, unreadable, number, at = {}, {}, 0, #KEYS, 2
local keys = #KEYS - told[1]
for first = 1, keys, 1000 do
local last = min(first + 999, keys)
for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
values[first + i - 1] = value
end
end
for i = 1, told[1] do
local bucket = { key = KEYS[keys + i], window = told[at + 1], base = false, next = false, cursor = '0', isalien = false }
for j = at + 2, at + 1 + told[at] do
local field = told[j]
local place = { bucket = bucket, field = type(field) == 'number' and pack('>I6', field) or field, isnew = true }
number = number + 1
places[number] = place
if not bucket.isalien and not openplace(place, number, values) then
unreadable = unreadable + 1
end
end
at = at + 2 + told[at]
end
return values, places, unreadable
end
local function expire(bucket, left, ms, faked)
local result
if faked then
result = redis.pcall('PEXPIRE', bucket.key, left)
else
result = redis.pcall('PEXPIREAT', bucket.key, ms + left + SLACK)
end
return errorof(result)
end
local function sweep(bucket, base)
bucket.next = bucket.next or base
local scanned = redis.pcall('HSCAN', bucket.key, bucket.cursor, 'COUNT', 100)
if scanned.err then
return scanned.err
end
local found, gone = scanned[2], {}
for i = 1, #found, 2 do
local start = found[i] == '.' or readentry(found[i + 1], bucket.base, bucket.window)
if not start or start ~= true and start < bucket.next * bucket.window then
gone[#gone + 1] = found[i]
end
end
for first = 1, #gone, 100 do
local err = errorof(redis.pcall('HDEL', bucket.key, unpack(gone, first, min(first + 99, #gone))))
if err then
return err
end
end
bucket.cursor = scanned[1]
if bucket.cursor == '0' then
bucket.base, bucket.next = bucket.next, false
end
return writeheader(bucket)
end
function packed.prepare(place, start, at, now, faked, told)
local bucket, ms = place.bucket, fdiv(now, 1000)
if bucket.isalien then
local err = errorof(redis.pcall('DEL', bucket.key))
if err then
return err
end
bucket.isalien, bucket.base, bucket.next = false, false, false
end
local left, least = redis.pcall('PTTL', bucket.key), faked and max(60000, at - ms) or at - ms
local err = errorof(left) or left < least and expire(bucket, least, ms, faked) or nil
if err then
return err
end
local spent = ms - (at - start) - (faked and 60000 or 0)
local base = spent < 0 and 0 or fdiv(spent, bucket.window) + 1
if left == -2 or not bucket.base then
bucket.base, bucket.next, bucket.cursor = base, false, '0'
return writeheader(bucket) or left == -2 and expire(bucket, least, ms, faked) or nil
end
if bucket.next or base > bucket.base then
local isdue = bucket.next or start / bucket.window >= bucket.base + IDS / 2
if not isdue and place.isnew then
local length = redis.pcall('HLEN', bucket.key)
if errorof(length) then
return length.err
end
isdue = length > FULL
end
if isdue then
return sweep(bucket, base)
end
end
return told and writeheader(bucket) or nil
end
function packed.write(place, start, count, previous)
place.isnew = false
return errorof(redis.pcall('HSET', place.bucket.key, place.field, writeentry(place.bucket, start, count, previous)))
end
function packed.remove(place)
local result
if place.bucket.isalien then
result = redis.pcall('DEL', place.bucket.key)
else
result = redis.pcall('HDEL', place.bucket.key, place.field)
end
place.isnew = true
return errorof(result)
end`

const algorithms = String.raw`local algorithms = {}
local function told(state)
local reply = {}
for i, n in ipairs(state) do
reply[i] = n > 4503599627370496 and format('%.0f', n) or n
end
return reply
end
local function integer(text)
local n = tonumber(text)
if n == nil or n < -MAX or n > MAX or n ~= floor(n) then
return nil
end
return n
end`

const fixedWindow = String.raw`algorithms.f = {}
function algorithms.f.decode(text)
local start, count = threeof(text)
return start and { start, count }
end
function algorithms.f.encode(state, limit)
return three(state[1], state[2], 0), finish(state[1], limit)
end
function algorithms.f.ready(limit, now)
local ms = fdiv(now, 1000)
return limit[3] < 2 or (ms >= limit[4] and ms < limit[6])
end
function algorithms.f.read(state, limit, now)
local start, count
if state then
start, count = state[1], state[2]
end
return { fixedat(start, count, limit, fdiv(now, 1000)) }
end
function algorithms.f.room(view, limit)
return max(0, limit[2] - view[2])
end
function algorithms.f.fits(view, limit, _, cost)
return view[2] + cost <= limit[2]
end
function algorithms.f.take(view, _, _, cost)
local count = min(MAX, view[2] + cost)
return count > view[2] and { view[1], count } or nil
end
function algorithms.f.give(view, _, _, units, receipt)
if receipt[1] ~= view[1] then
return nil
end
local back = min(units, receipt[2], view[2])
if back < 1 then
return nil
end
return { view[1], view[2] - back }, back
end
function algorithms.f.met(state)
return told(state)
end`

const slidingWindow = String.raw`algorithms.s = {}
function algorithms.s.decode(text)
local start, count, previous = threeof(text)
return start and { start, count, previous }
end
function algorithms.s.encode(state, limit)
return three(state[1], state[2], state[3]), state[1] + 2 * limit[3]
end
function algorithms.s.read(state, limit, now)
local start, count, previous
if state then
start, count, previous = state[1], state[2], state[3]
end
return { slid(start, count, previous, limit[3], fdiv(now, 1000)) }
end
function algorithms.s.weight(view, limit, now)
return slidingweight(view[1], view[3], limit[3], fdiv(now, 1000))
end
function algorithms.s.room(view, limit, now)
return max(0, limit[2] - view[2] - algorithms.s.weight(view, limit, now))
end
function algorithms.s.fits(view, limit, now, cost)
return view[2] + cost + algorithms.s.weight(view, limit, now) <= limit[2]
end
function algorithms.s.take(view, limit, _, cost)
local count = min(fdiv(MAX, limit[3]), view[2] + cost)
return count > view[2] and { view[1], count, view[3] } or nil
end
function algorithms.s.give(view, limit, _, units, receipt)
local most = min(units, receipt[2])
if receipt[1] == view[1] then
local back = min(most, view[2])
if back < 1 then
return nil
end
return { view[1], view[2] - back, view[3] }, back
end
if receipt[1] == view[1] - limit[3] then
local back = min(most, view[3])
if back < 1 then
return nil
end
return { view[1], view[2], view[3] - back }, back
end
return nil
end
function algorithms.s.met(state)
return told(state)
end`

const bucket = String.raw`algorithms.b = {}
function algorithms.b.decode(text)
local full, rest, rate = threeof(text)
return full and (rest == 0 or rest < rate) and { full, rest, rate } or nil
end
function algorithms.b.encode(state)
local full, rest, rate, at = bucketstate(state[1], state[2], state[3])
return three(full, rest, rate), at
end
function algorithms.b.read(state, limit, now)
local full, rest, rate
if state then
full, rest, rate = state[1], state[2], state[3]
end
return { deficit(full, rest, rate, limit, now) }
end
function algorithms.b.room(view, limit)
local n, p = limit[2], limit[3]
local cap = limit[4] * p
if view[1] > fdiv(cap, n) then
return 0
end
return fdiv(max(0, cap - view[1] * n - view[2]), p)
end
function algorithms.b.fits(view, limit, _, cost)
return bucketfits(view[1], view[2], limit, cost)
end
function algorithms.b.take(view, limit, now, cost)
local full, rest = drained(view[1], view[2], limit, now, cost)
return full and { full, rest, limit[2] }
end
function algorithms.b.give(view, limit, now, units, receipt)
local n, p = limit[2], limit[3]
if limit[6] == 1 then
local last = receipt[2] == now + view[1] and receipt[3] == view[2] and receipt[4] == n and receipt[5] == p
local own = receipt[1] * p
if not last or not (view[1] > fdiv(own, n) or view[1] * n + view[2] > own) then
return nil
end
end
if receipt[1] then
units = min(units, receipt[1])
end
if units < 1 or (view[1] == 0 and view[2] == 0) then
return nil
end
local back = min(units, fdiv(MAX, p))
local credits = back * p
local missing = view[1] - fdiv(credits, n)
local rest = view[2] - credits % n
if rest < 0 then
rest = rest + n
missing = missing - 1
end
if missing < 0 then
return { now, 0, n }, fdiv(view[1] * n + view[2], p)
end
return { now + missing, rest, n }, back
end
function algorithms.b.met(state)
return told(state)
end`

const slidingLog = String.raw`algorithms.l = {}
function algorithms.l.decode(text)
local size = #text
if size == 0 or size % 16 ~= 0 then
return nil
end
local log, last = {}, 0
for at = 1, size, 16 do
local time, units, id = struct.unpack('>dI4I4', text, at)
if not (time >= last and time <= MAX) then
return nil
end
last = time
log[#log + 1] = { time, units, id }
end
return log
end
function algorithms.l.encode(state, limit)
local parts = {}
for i, entry in ipairs(state) do
parts[i] = struct.pack('>dI4I4', entry[1], entry[2], entry[3])
end
return table.concat(parts), cdiv(state[#state][1] + limit[3], 1000)
end
function algorithms.l.read(state, limit, now)
local live, used, following = {}, 0, 0
for _, entry in ipairs(state or {}) do
following = max(following, entry[3] + 1)
if entry[2] > 0 and entry[1] > now - limit[3] then
live[#live + 1] = entry
used = used + entry[2]
end
end
return { live, used, following }
end
function algorithms.l.room(view, limit)
return max(0, limit[2] - view[2])
end
function algorithms.l.fits(view, limit, _, cost)
return view[2] + cost <= limit[2]
end
function algorithms.l.take(view, limit, now, cost)
local taken = min(cost, max(0, 2 * limit[2] - view[2]))
if taken == 0 then
return nil
end
local after = {}
for i, entry in ipairs(view[1]) do
after[i] = entry
end
local newest = after[#after]
after[#after + 1] = { max(now, newest and newest[1] or 0), taken, view[3] }
return after
end
function algorithms.l.give(view, _, _, units, receipt)
local after, found = {}, nil
for _, entry in ipairs(view[1]) do
if entry[1] == receipt[1] and entry[3] == receipt[2] then
found = entry
if entry[2] > units then
after[#after + 1] = { entry[1], entry[2] - units, entry[3] }
end
else
after[#after + 1] = entry
end
end
if not found then
return nil
end
local newest = after[#after]
if not newest or newest[3] < view[3] - 1 then
after[#after + 1] = { max(found[1], newest and newest[1] or 0), 0, view[3] - 1 }
end
return after
end
function algorithms.l.met(state, limit, now, charge, whole)
local view = algorithms.l.read(state, limit, now)
local live, used, quota = view[1], view[2], limit[2]
local reply = { view[3] }
local wanted = {}
wanted[1] = used + min(charge.cost, 0) + 1 - quota
for _, units in ipairs({ charge.cost, charge.atleast, 1 }) do
wanted[#wanted + 1] = used + units - quota
wanted[#wanted + 1] = used + min(max(charge.cost, 0), max(0, 2 * quota - used)) + units - quota
end
local before, sum, units = 0, 0, 0
for i, entry in ipairs(live) do
sum = sum + entry[2]
units = units + entry[2]
local following = live[i + 1]
local isbound = whole or i == 1 or not following
for _, near in ipairs({ entry, following or entry, live[i - 1] or entry }) do
isbound = isbound or (near[1] == charge.receipt[1] and near[3] == charge.receipt[2])
end
for _, threshold in ipairs(wanted) do
isbound = isbound or (before < threshold and sum >= threshold)
end
if isbound then
reply[#reply + 1] = entry[1]
reply[#reply + 1] = units
reply[#reply + 1] = entry[3]
units = 0
end
before = sum
end
return reply
end`

const concurrency = String.raw`algorithms.c = { renews = true }
function algorithms.c.decode(text)
local holders = {}
for line in string.gmatch(text, '[^\n]+') do
local expires, id = match(line, '^(%d+) (%S+)$')
expires = integer(expires)
if not expires then
return nil
end
holders[#holders + 1] = { expires, id }
end
return holders
end
function algorithms.c.encode(state)
local lines, latest = {}, 0
for i, holder in ipairs(state) do
lines[i] = format('%.0f %s', holder[1], holder[2])
latest = max(latest, holder[1])
end
return table.concat(lines, '\n'), cdiv(latest, 1000)
end
function algorithms.c.read(state, _, now)
local live = {}
for _, holder in ipairs(state or {}) do
if holder[1] > now then
live[#live + 1] = holder
end
end
return live
end
function algorithms.c.room(view, limit)
return max(0, limit[2] - #view)
end
function algorithms.c.lives(view, id)
for _, holder in ipairs(view) do
if holder[2] == id then
return true
end
end
return false
end
function algorithms.c.fits(view, limit, _, cost, charge)
if cost > 0 and charge.receipt[1] then
return algorithms.c.lives(view, charge.receipt[1])
end
return #view + cost <= limit[2] or (cost > 0 and algorithms.c.lives(view, charge.holder))
end
function algorithms.c.take(view, limit, now, cost, charge)
local id = charge.receipt[1] or charge.holder
local renewed = charge.receipt[1] ~= nil
if cost == 0 or (not renewed and (#view >= 2 * limit[2] or algorithms.c.lives(view, id))) then
return nil
end
local after = {}
for _, holder in ipairs(view) do
if holder[2] ~= id then
after[#after + 1] = holder
end
end
after[#after + 1] = { now + limit[3], id }
return after
end
function algorithms.c.give(view, _, _, _, receipt)
local after = {}
for _, holder in ipairs(view) do
if holder[2] ~= receipt[1] then
after[#after + 1] = holder
end
end
return #after < #view and after or nil
end
function algorithms.c.met(state, limit, now)
local reply = {}
for _, holder in ipairs(algorithms.c.read(state, limit, now)) do
reply[#reply + 1] = holder[1]
reply[#reply + 1] = holder[2]
end
return reply
end`

const leases = String.raw`local leases = {}
function leases.decode(text)
local epoch, granted, previous = match(text, '^(%d+):(%d+):(%d+)$')
epoch, granted, previous = integer(epoch), integer(granted), integer(previous)
if epoch and granted and previous then
return { epoch, granted, previous }
end
return nil
end
function leases.encode(state, terms, now)
return format('%.0f:%.0f:%.0f', state[1], state[2], state[3]), cdiv(now + 2 * terms[2], 1000)
end
function leases.read(state, terms, now)
local epoch = fdiv(now, terms[2])
if not state or state[1] < epoch - 1 then
return { epoch, 0, 0 }
end
if state[1] == epoch - 1 then
return { epoch, 0, state[2] }
end
return state
end
function leases.most(view, terms, now, cost)
if cost > 0 then
return max(0, terms[3] - view[2] - view[3])
end
local age = now - terms[3]
return age >= 0 and age <= terms[2] and -cost or 0
end
function leases.count(view, terms, units)
if units > 0 then
return { view[1], min(MAX, view[2] + units), view[3] }
end
local epoch = fdiv(terms[3], terms[2])
if epoch == view[1] then
return { view[1], max(0, view[2] + units), view[3] }
end
if epoch == view[1] - 1 then
return { view[1], view[2], max(0, view[3] + units) }
end
return view
end`

const full = String.raw`local batch = cjson.decode(ARGV[1])
local now, limits = batch[1], batch[2]
local faked = now >= 0
if not faked then
local time = redis.call('TIME')
now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local values, places, unreadable = packed.open(batch[4] or { 0 })
local states, isdecoded = {}, {}
local function load(key, algorithm)
if not isdecoded[key] then
isdecoded[key] = true
if values[key] then
states[key] = algorithm.decode(values[key])
if not states[key] then
unreadable = unreadable + 1
end
end
end
return states[key]
end
local function set(key, text, at)
local result
if faked then
result = redis.pcall('SET', KEYS[key], text, 'PX', max(60000, at - fdiv(now, 1000)))
else
result = redis.pcall('SET', KEYS[key], text, 'PXAT', at)
end
return result.err
end
local function delete(key)
if places[key] then
return packed.remove(places[key])
end
local result = redis.pcall('DEL', KEYS[key])
return type(result) == 'table' and result.err or nil
end
local function step(charge, state, how, atleast, most)
local limit, cost = limits[charge[1]], charge[3]
local algorithm = algorithms[limit[1]]
local view = algorithm.read(state, limit, now)
if cost < 0 then
if how == 2 then
return nil, true
end
local after, units = algorithm.give(view, limit, now, min(-cost, most or MAX), charge[4])
return after, true, -(units or 0)
end
local facts = { receipt = charge[4], holder = charge[5] }
local isrenewal = algorithm.renews and cost > 0 and facts.receipt[1] ~= nil
local fits = cost <= (most or MAX) and algorithm.fits(view, limit, now, cost, facts)
if not fits and (how ~= 1 or isrenewal) then
local room = min(algorithm.room(view, limit, now), most or MAX)
if isrenewal or atleast < 1 or cost < 1 or room < atleast then
return nil, false
end
cost = min(cost, room)
end
if cost == 0 then
return nil, true, 0
end
return algorithm.take(view, limit, now, cost, facts), true, cost
end
local function latest(pending, key, met)
return pending[key] and pending[key].state or met
end
local function put(pending, changed, key, change)
if not pending[key] then
changed[#changed + 1] = key
end
pending[key] = change
end
local function commit(writes)
local issetting, ispacking = false, false
for _, write in ipairs(writes) do
local err = not write[2] and delete(write[1]) or nil
if err then
return err
end
issetting = issetting or write[2] and not places[write[1]]
ispacking = ispacking or write[2] and places[write[1]]
end
if ispacking then
for _, write in ipairs(writes) do
local place = write[2] and places[write[1]]
local err = place and packed.prepare(place, threeof(write[2]), write[3], now, faked, issetting) or nil
if err then
return err
end
end
end
for _, write in ipairs(writes) do
local err = write[2] and not places[write[1]] and set(write[1], write[2], write[3]) or nil
if err then
return err
end
end
if ispacking then
for _, write in ipairs(writes) do
local place = write[2] and places[write[1]]
local err = place and packed.write(place, threeof(write[2])) or nil
if err then
return err
end
end
end
return nil
end
local function decide(decision)
local how, atleast = decision[1], decision[2]
local reply, ledgers, pending, changed, verdict = { 1 }, {}, {}, {}, 1
local seen = {}
for i = 3, #decision do
seen[decision[i][2]] = (seen[decision[i][2]] or 0) + 1
end
for i = 3, #decision do
local charge = decision[i]
local limit, key = limits[charge[1]], charge[2]
local algorithm = algorithms[limit[1]]
if algorithm.ready and not algorithm.ready(limit, now) then
return { -1 }
end
local state = load(key, algorithm)
local facts = { cost = charge[3], atleast = atleast, receipt = charge[4] }
reply[#reply + 1] = state and algorithm.met(state, limit, now, facts, seen[key] > 1) or {}
local terms, most, ledger = charge[6], nil, nil
if terms then
local met = load(terms[1], leases)
ledgers[#ledgers + 1] = met and told(met) or {}
ledger = leases.read(latest(pending, terms[1], met), terms, now)
most = leases.most(ledger, terms, now, charge[3])
end
local after, isallowed, units = step(charge, latest(pending, key, state), how, atleast, most)
if not isallowed then
verdict = 0
elseif after and how ~= 2 then
put(pending, changed, key, { state = after, algorithm = algorithm, limit = limit })
if terms and units ~= 0 then
put(pending, changed, terms[1], { state = leases.count(ledger, terms, units), algorithm = leases, limit = terms })
end
end
end
reply[1] = verdict
for _, met in ipairs(ledgers) do
reply[#reply + 1] = met
end
local writes = {}
if verdict == 1 then
for _, key in ipairs(changed) do
local change = pending[key]
local text, at = change.algorithm.encode(change.state, change.limit, now)
writes[#writes + 1] = { key, (faked or at * 1000 > now) and text, at }
end
for _, key in ipairs(changed) do
states[key] = pending[key].state
end
end
return reply, commit(writes)
end
local function reset(decision)
local writes = {}
for i = 3, #decision do
local key = decision[i][2]
states[key], isdecoded[key] = nil, true
writes[#writes + 1] = { key, false }
end
return { 1 }, commit(writes)
end
local replies = { now, 0, '' }
for _, decision in ipairs(batch[3]) do
local way = decision[1] == 3 and reset or decide
local isdone, reply, err = pcall(way, decision)
if not isdone then
reply, err = { -2, type(reply) == 'table' and reply.err or reply }, nil
end
if err then
replies[3] = err
break
end
replies[#replies + 1] = reply
end
replies[2] = unreadable
return replies`

export const FAST: string = [lib, arithmetic, fast].join('\n')

export const PACKED: string = [lib, arithmetic, packed, fast].join('\n')

export const FULL: string = [
  lib,
  arithmetic,
  algorithms,
  fixedWindow,
  slidingWindow,
  bucket,
  slidingLog,
  concurrency,
  leases,
  packed,
  full,
].join('\n')
