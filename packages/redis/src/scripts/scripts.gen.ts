// Generated from lua/ by `node scripts/embed-lua.ts`. Do not edit.
export const CLOCK: string = String.raw`local MINLIFETIME = 0
local function now()
local time = redis.call('TIME')
return tonumber(time[1]) * 1000000 + tonumber(time[2])
end
local expirytexts = {}
local function setwithexpiry(key, value, expiry)
local text = expirytexts[expiry]
if not text then
text = string.format('%.0f', expiry)
expirytexts[expiry] = text
end
return redis.pcall('SET', key, value, 'PXAT', text).err
end
local function expirehash(key, lifetime, ms, slack)
return redis.pcall('PEXPIREAT', key, ms + lifetime + slack)
end`

export const TEST_CLOCK: string = String.raw`local MINLIFETIME = 60000
local function now()
return tonumber(ARGV[2])
end
local function setwithexpiry(key, value, expiry)
local ms = math.floor(now() / 1000)
return redis.pcall('SET', key, value, 'PX', math.max(MINLIFETIME, expiry - ms)).err
end
local function expirehash(key, lifetime)
return redis.pcall('PEXPIRE', key, lifetime)
end`

const arithmetic = String.raw`local floor, max, min = math.floor, math.max, math.min
local MAX = 9007199254740991
local MAXAHEAD = 5000
local function fdiv(a, b)
return floor(a / b)
end
local function cdiv(a, b)
local quotient = floor(a / b)
return quotient * b == a and quotient or quotient + 1
end
local EPOCH, FIRSTCHARGE, CALENDAR = 0, 1, 2
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
local function rolledfixed(start, count, limit, ms)
local anchor = limit[3]
if anchor == FIRSTCHARGE then
local window = limit[4]
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
local function weightof(start, previous, window, ms)
return previous == 0 and 0 or cdiv(previous * (window - max(0, ms - start)), window)
end
local function bucketstate(full, rest, rate)
return full, rest, rest > 0 and rate or 0, cdiv(rest > 0 and full + 1 or full, 1000)
end
local function deficitof(full, rest, rate, limit, micros)
if not full or full < micros then
return 0, 0
end
local tokens = limit[2]
local missing = full - micros
if rest == 0 or rate == tokens then
return missing, rest
end
return missing + 1, 0
end
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
end`

const state = String.raw`local match, format, type = string.match, string.format, type
local pack, unpacked = struct.pack, struct.unpack
local packed = nil
local function encodestate(a, b, c)
return pack('>ddd', a, b, c)
end
local function decodestate(text)
if #text ~= 24 then
return nil
end
local a, b, c = unpacked('>ddd', text)
if a % 1 == 0 and b % 1 == 0 and c % 1 == 0 and a >= -MAX and a <= MAX and b >= 0 and b <= MAX and c >= 0 and c <= MAX then
return a, b, c
end
return nil
end
local function errorof(reply)
return type(reply) == 'table' and reply.err or nil
end`

const fast = String.raw`local batch = cjson.decode(ARGV[1])
local limits, request = batch[1], batch[2]
local micros = now()
local ms = fdiv(micros, 1000)
local values, entries, unreadable = nil, nil, 0
if packed then
values, entries, unreadable = packed.open(batch[3])
else
values = redis.call('MGET', unpack(KEYS))
end
local ABSENT = string.rep('\255', 24)
local decide = {}
function decide.f(start, count, _, limit, cost)
local quantity = limit[2]
local current, units = rolledfixed(start, count, limit, ms)
local after = units + cost
if after > quantity then
return false
end
return true, current, after, 0, fixedend(current, limit)
end
function decide.s(start, count, previous, limit, cost)
local quantity, window = limit[2], limit[3]
local current, units, before = rolledwindow(start, count, previous, window, ms)
local weight = before > 0 and weightof(current, before, window, ms) or 0
local after = units + cost
if after + weight > quantity then
return false
end
return true, current, after, before, current + 2 * window
end
function decide.b(full, rest, rate, limit, cost)
local tokens = limit[2]
local missing, remainder = deficitof(full, rest, rate, limit, micros)
if not bucketadmits(missing, remainder, limit, cost) then
return false
end
local after, left = drained(missing, remainder, limit, micros, cost)
if not after then
return true
end
return true, bucketstate(after, left, tokens)
end
local answers, answered, err = {}, 0, nil
local seconds = {}
local function set(key, a, b, c, expiry)
local text = encodestate(a, b, c)
values[key], seconds[key] = text, nil
if packed and entries[key] then
return packed.write(entries[key], a, b, c)
end
return setwithexpiry(KEYS[key], text, expiry)
end
local function setsecond(key, b)
seconds[key] = b
local reply = redis.pcall('SETRANGE', KEYS[key], '8', pack('>d', b))
return type(reply) == 'table' and reply.err or nil
end
local function load(key)
local text = values[key]
if not text then
return ABSENT
end
local a, b, c = decodestate(text)
if not a then
unreadable = unreadable + 1
values[key] = false
return ABSENT
end
if seconds[key] then
b = seconds[key]
text = encodestate(a, b, c)
end
return text, a, b, c
end
local hasaskedttl = false
local function keepsexpiry(key, a, c, first, third)
if first ~= a or third ~= c then
return false
end
if hasaskedttl then
return true
end
hasaskedttl = true
if packed and entries[key] then
return false
end
local left = redis.pcall('PTTL', KEYS[key])
err = errorof(left)
return left ~= -1
end
local function decideone(limitindex, key, cost)
local limit = limits[limitindex]
local text, a, b, c = load(key)
local isallowed, first, second, third, expiry = decide[limit[1]](a, b, c, limit, cost)
answers[answered + 1] = isallowed and '1' or '0'
answers[answered + 2] = text
if not first then
return
end
local iskept = keepsexpiry(key, a, c, first, third)
local entry = packed and entries[key]
if entry and not iskept then
err = packed.prepare(entry, first, expiry, micros, false)
end
if err then
return
end
if iskept and not entry then
err = setsecond(key, second)
else
err = set(key, first, second, third, expiry)
end
end
local keysafter, firstsafter, secondsafter, thirdsafter, expiriesafter, arekept = {}, {}, {}, {}, {}, {}
local function commit(charges)
for j = 1, packed and charges or 0 do
local entry = entries[keysafter[j]]
if firstsafter[j] and entry and not arekept[j] and not err then
err = packed.prepare(entry, firstsafter[j], expiriesafter[j], micros, false)
end
end
local isset = false
for j = 1, charges do
if firstsafter[j] and not arekept[j] and not err then
isset = true
err = set(keysafter[j], firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j])
end
end
for j = 1, charges do
if arekept[j] and not err then
local key = keysafter[j]
if not packed then
err = setsecond(key, secondsafter[j])
end
if packed or err and isset then
err = set(key, firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j])
end
end
end
end
local function decideseveral(charges, cursor)
local isallowed = true
answers[answered + 1] = '1'
for j = 1, charges do
local limit, key, cost = limits[request[cursor + 1]], request[cursor + 2], request[cursor + 3]
cursor = cursor + 3
local text, a, b, c = load(key)
local isadmitted, first, second, third, expiry = decide[limit[1]](a, b, c, limit, cost)
isallowed = isallowed and isadmitted
keysafter[j], firstsafter[j], secondsafter[j], thirdsafter[j], expiriesafter[j] = key, first, second, third, expiry
arekept[j] = first and keepsexpiry(key, a, c, first, third)
answers[answered + 1 + j] = text
end
if isallowed then
commit(charges)
else
answers[answered + 1] = '0'
end
end
local position = 1
local function run()
local size = #request
while position <= size do
local charges = request[position]
if charges == 1 then
decideone(request[position + 1], request[position + 2], request[position + 3])
else
decideseveral(charges, position)
end
if err then
return
end
answered = answered + 1 + charges
position = position + 1 + 3 * charges
end
end
repeat
local isdone, thrown = pcall(run)
if not isdone then
local text = type(thrown) == 'table' and thrown.err or thrown
answers[answered + 1], answers[answered + 2], answers[answered + 3] = '2', pack('>I4', #text), text
answered = answered + 3
position = position + 1 + 3 * request[position]
end
until isdone
return { micros, unreadable, err or '', table.concat(answers, '', 1, answered) }`

const packed = String.raw`packed = {}
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
local function openentry(entry, number, values)
local bucket = entry.bucket
local reply = redis.pcall('HMGET', bucket.key, '.', entry.field)
if reply.err and not match(reply.err, 'WRONGTYPE') then
redis.call('HMGET', bucket.key, '.', entry.field)
end
local header, text = reply[1], reply[2]
if reply.err or text and not header or header and not bucket.base and not readheader(bucket, header) then
bucket.isforeign = true
return false
end
if text then
local start, count, previous = readentry(text, bucket.base, bucket.window)
if not start then
return false
end
values[number], entry.isnew = encodestate(start, count, previous), false
end
return true
end
function packed.open(request)
local bucketcount = request[1]
local keycount = #KEYS - bucketcount
local values, entries, unreadable, number = {}, {}, 0, #KEYS
for first = 1, keycount, 1000 do
local last = min(first + 999, keycount)
for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
values[first + i - 1] = value
end
end
local cursor = 1
for i = 1, bucketcount do
local fieldcount, window = request[cursor + 1], request[cursor + 2]
cursor = cursor + 2
local bucket = { key = KEYS[keycount + i], window = window, base = false, next = false, cursor = '0', isforeign = false }
for _ = 1, fieldcount do
cursor = cursor + 1
local field = request[cursor]
local entry = { bucket = bucket, field = type(field) == 'number' and pack('>I6', field) or field, isnew = true }
number = number + 1
entries[number] = entry
if not bucket.isforeign and not openentry(entry, number, values) then
unreadable = unreadable + 1
end
end
end
return values, entries, unreadable
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
function packed.prepare(entry, start, expiry, micros, needsproof)
local bucket, ms = entry.bucket, fdiv(micros, 1000)
if bucket.isforeign then
local err = errorof(redis.pcall('DEL', bucket.key))
if err then
return err
end
bucket.isforeign, bucket.base, bucket.next = false, false, false
end
local left, lifetime = redis.pcall('PTTL', bucket.key), max(MINLIFETIME, expiry - ms)
local err = errorof(left) or left < lifetime and errorof(expirehash(bucket.key, lifetime, ms, SLACK)) or nil
if err then
return err
end
local spent = ms - (expiry - start) - MINLIFETIME
local base = spent < 0 and 0 or fdiv(spent, bucket.window) + 1
if left == -2 or not bucket.base then
bucket.base, bucket.next, bucket.cursor = base, false, '0'
return writeheader(bucket) or left == -2 and errorof(expirehash(bucket.key, lifetime, ms, SLACK)) or nil
end
if bucket.next or base > bucket.base then
local isdue = bucket.next or start / bucket.window >= bucket.base + IDS / 2
if not isdue and entry.isnew then
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
return needsproof and writeheader(bucket) or nil
end
function packed.write(entry, start, count, previous)
entry.isnew = false
return errorof(redis.pcall('HSET', entry.bucket.key, entry.field, writeentry(entry.bucket, start, count, previous)))
end
function packed.remove(entry)
local result
if entry.bucket.isforeign then
result = redis.pcall('DEL', entry.bucket.key)
else
result = redis.pcall('HDEL', entry.bucket.key, entry.field)
end
entry.isnew = true
return errorof(result)
end`

const algorithms = String.raw`local algorithms = {}
local function numbersinreply(state)
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
local start, count = decodestate(text)
return start and { start, count }
end
function algorithms.f.encode(state, limit)
local start, count = state[1], state[2]
return encodestate(start, count, 0), fixedend(start, limit)
end
function algorithms.f.isready(limit, micros)
local anchor = limit[3]
if anchor ~= CALENDAR then
return true
end
local first, third = limit[4], limit[6]
local ms = fdiv(micros, 1000)
return ms >= first and ms < third
end
function algorithms.f.read(state, limit, micros)
local start, count
if state then
start, count = state[1], state[2]
end
return { rolledfixed(start, count, limit, fdiv(micros, 1000)) }
end
function algorithms.f.available(view, limit)
local count, quantity = view[2], limit[2]
return max(0, quantity - count)
end
function algorithms.f.admits(view, limit, _, cost)
local count, quantity = view[2], limit[2]
return count + cost <= quantity
end
function algorithms.f.take(view, _, _, cost)
local start, count = view[1], view[2]
local after = min(MAX, count + cost)
return after > count and { start, after } or nil
end
function algorithms.f.giveback(view, _, _, units, receipt)
local start, count = view[1], view[2]
local takenfrom, taken = receipt[1], receipt[2]
if takenfrom ~= start then
return nil
end
local back = min(units, taken, count)
if back < 1 then
return nil
end
return { start, count - back }, back
end
function algorithms.f.toreply(state)
return numbersinreply(state)
end`

const slidingWindow = String.raw`algorithms.s = {}
function algorithms.s.decode(text)
local start, count, previous = decodestate(text)
return start and { start, count, previous }
end
function algorithms.s.encode(state, limit)
local start, count, previous = state[1], state[2], state[3]
local window = limit[3]
return encodestate(start, count, previous), start + 2 * window
end
function algorithms.s.read(state, limit, micros)
local window = limit[3]
local start, count, previous
if state then
start, count, previous = state[1], state[2], state[3]
end
return { rolledwindow(start, count, previous, window, fdiv(micros, 1000)) }
end
local function slidingweight(view, limit, micros)
local start, previous, window = view[1], view[3], limit[3]
return weightof(start, previous, window, fdiv(micros, 1000))
end
function algorithms.s.available(view, limit, micros)
local count, quantity = view[2], limit[2]
return max(0, quantity - count - slidingweight(view, limit, micros))
end
function algorithms.s.admits(view, limit, micros, cost)
local count, quantity = view[2], limit[2]
return count + cost + slidingweight(view, limit, micros) <= quantity
end
function algorithms.s.take(view, limit, _, cost)
local start, count, previous = view[1], view[2], view[3]
local window = limit[3]
local after = min(fdiv(MAX, window), count + cost)
return after > count and { start, after, previous } or nil
end
function algorithms.s.giveback(view, limit, _, units, receipt)
local start, count, previous = view[1], view[2], view[3]
local window = limit[3]
local takenfrom, taken = receipt[1], receipt[2]
local most = min(units, taken)
if takenfrom == start then
local back = min(most, count)
if back < 1 then
return nil
end
return { start, count - back, previous }, back
end
if takenfrom == start - window then
local back = min(most, previous)
if back < 1 then
return nil
end
return { start, count, previous - back }, back
end
return nil
end
function algorithms.s.toreply(state)
return numbersinreply(state)
end`

const bucket = String.raw`algorithms.b = {}
function algorithms.b.decode(text)
local full, rest, rate = decodestate(text)
return full and (rest == 0 or rest < rate) and { full, rest, rate } or nil
end
function algorithms.b.encode(state)
local full, rest, rate, expiry = bucketstate(state[1], state[2], state[3])
return encodestate(full, rest, rate), expiry
end
function algorithms.b.read(state, limit, micros)
local full, rest, rate
if state then
full, rest, rate = state[1], state[2], state[3]
end
return { deficitof(full, rest, rate, limit, micros) }
end
function algorithms.b.available(view, limit)
local missing, rest = view[1], view[2]
local tokens, period, burst = limit[2], limit[3], limit[4]
local capacity = burst * period
if missing > fdiv(capacity, tokens) then
return 0
end
return fdiv(max(0, capacity - missing * tokens - rest), period)
end
function algorithms.b.admits(view, limit, _, cost)
local missing, rest = view[1], view[2]
return bucketadmits(missing, rest, limit, cost)
end
function algorithms.b.take(view, limit, micros, cost)
local missing, rest = view[1], view[2]
local tokens = limit[2]
local full, left = drained(missing, rest, limit, micros, cost)
return full and { full, left, tokens }
end
local function islastinqueue(view, limit, micros, receipt)
local missing, rest = view[1], view[2]
local tokens, period = limit[2], limit[3]
local taken, full, remainder, takentokens, takenperiod = receipt[1], receipt[2], receipt[3], receipt[4], receipt[5]
if full ~= micros + missing or remainder ~= rest or takentokens ~= tokens or takenperiod ~= period then
return false
end
local credits = taken * period
return missing > fdiv(credits, tokens) or missing * tokens + rest > credits
end
function algorithms.b.giveback(view, limit, micros, units, receipt)
local missing, rest = view[1], view[2]
local tokens, period, queue = limit[2], limit[3], limit[6]
local taken = receipt[1]
if queue == 1 and not islastinqueue(view, limit, micros, receipt) then
return nil
end
if taken then
units = min(units, taken)
end
if units < 1 or (missing == 0 and rest == 0) then
return nil
end
local back = min(units, fdiv(MAX, period))
local credits = back * period
local missingafter = missing - fdiv(credits, tokens)
local restafter = rest - credits % tokens
if restafter < 0 then
restafter = restafter + tokens
missingafter = missingafter - 1
end
if missingafter < 0 then
return { micros, 0, tokens }, fdiv(missing * tokens + rest, period)
end
return { micros + missingafter, restafter, tokens }, back
end
function algorithms.b.toreply(state)
return numbersinreply(state)
end`

const slidingLog = String.raw`algorithms.l = {}
function algorithms.l.decode(text)
local size = #text
if size == 0 or size % 16 ~= 0 then
return nil
end
local log, last = {}, 0
for offset = 1, size, 16 do
local time, units, id = unpacked('>dI4I4', text, offset)
if not (time >= last and time <= MAX) then
return nil
end
last = time
log[#log + 1] = { time, units, id }
end
return log
end
function algorithms.l.encode(state, limit)
local window = limit[3]
local records = {}
for i, entry in ipairs(state) do
local time, units, id = entry[1], entry[2], entry[3]
records[i] = pack('>dI4I4', time, units, id)
end
local newest = state[#state][1]
return table.concat(records), cdiv(newest + window, 1000)
end
function algorithms.l.read(state, limit, micros)
local window = limit[3]
local live, used, nextid = {}, 0, 0
for _, entry in ipairs(state or {}) do
local time, units, id = entry[1], entry[2], entry[3]
nextid = max(nextid, id + 1)
if units > 0 and time > micros - window then
live[#live + 1] = entry
used = used + units
end
end
return { live, used, nextid }
end
function algorithms.l.available(view, limit)
local used, quantity = view[2], limit[2]
return max(0, quantity - used)
end
function algorithms.l.admits(view, limit, _, cost)
local used, quantity = view[2], limit[2]
return used + cost <= quantity
end
function algorithms.l.take(view, limit, micros, cost)
local live, used, nextid = view[1], view[2], view[3]
local quantity = limit[2]
local taken = min(cost, max(0, 2 * quantity - used))
if taken == 0 then
return nil
end
local after = {}
for i, entry in ipairs(live) do
after[i] = entry
end
local newest = after[#after]
local newesttime = newest and newest[1] or 0
after[#after + 1] = { max(micros, newesttime), taken, nextid }
return after
end
function algorithms.l.giveback(view, _, _, units, receipt)
local live, nextid = view[1], view[3]
local takenat, takenid = receipt[1], receipt[2]
local after, foundat = {}, nil
for _, entry in ipairs(live) do
local time, taken, id = entry[1], entry[2], entry[3]
if time == takenat and id == takenid then
foundat = time
if taken > units then
after[#after + 1] = { time, taken - units, id }
end
else
after[#after + 1] = entry
end
end
if not foundat then
return nil
end
local newest = after[#after]
local newesttime, newestid = 0, -1
if newest then
newesttime, newestid = newest[1], newest[3]
end
if not newest or newestid < nextid - 1 then
after[#after + 1] = { max(foundat, newesttime), 0, nextid - 1 }
end
return after
end
local function thresholdsof(used, quantity, cost, atleast)
local afterwards = used + min(max(cost, 0), max(0, 2 * quantity - used))
local thresholds = { used + min(cost, 0) + 1 - quantity }
for _, units in ipairs({ cost, atleast, 1 }) do
thresholds[#thresholds + 1] = used + units - quantity
thresholds[#thresholds + 1] = afterwards + units - quantity
end
return thresholds
end
function algorithms.l.toreply(state, limit, micros, facts, isshared)
local view = algorithms.l.read(state, limit, micros)
local live, used, nextid = view[1], view[2], view[3]
local quantity = limit[2]
local takenat, takenid = facts.receipt[1], facts.receipt[2]
local thresholds = thresholdsof(used, quantity, facts.cost, facts.atleast)
local reply = { nextid }
local before, sum, merged = 0, 0, 0
for i, entry in ipairs(live) do
local time, units, id = entry[1], entry[2], entry[3]
sum = sum + units
merged = merged + units
local following = live[i + 1]
local isbound = isshared or i == 1 or not following
for _, near in ipairs({ entry, following or entry, live[i - 1] or entry }) do
isbound = isbound or (near[1] == takenat and near[3] == takenid)
end
for _, threshold in ipairs(thresholds) do
isbound = isbound or (before < threshold and sum >= threshold)
end
if isbound then
reply[#reply + 1] = time
reply[#reply + 1] = merged
reply[#reply + 1] = id
merged = 0
end
before = sum
end
return reply
end`

const concurrency = String.raw`algorithms.c = { renews = true }
function algorithms.c.decode(text)
local holders = {}
for line in string.gmatch(text, '[^\n]+') do
local expiry, id = match(line, '^(%d+) (%S+)$')
expiry = integer(expiry)
if not expiry then
return nil
end
holders[#holders + 1] = { expiry, id }
end
return holders
end
function algorithms.c.encode(state)
local lines, latest = {}, 0
for i, holder in ipairs(state) do
local expiry, id = holder[1], holder[2]
lines[i] = format('%.0f %s', expiry, id)
latest = max(latest, expiry)
end
return table.concat(lines, '\n'), cdiv(latest, 1000)
end
function algorithms.c.read(state, _, micros)
local live = {}
for _, holder in ipairs(state or {}) do
local expiry = holder[1]
if expiry > micros then
live[#live + 1] = holder
end
end
return live
end
function algorithms.c.available(view, limit)
local quantity = limit[2]
return max(0, quantity - #view)
end
local function holds(view, id)
for _, holder in ipairs(view) do
if holder[2] == id then
return true
end
end
return false
end
local function without(view, id)
local others = {}
for _, holder in ipairs(view) do
if holder[2] ~= id then
others[#others + 1] = holder
end
end
return others
end
function algorithms.c.admits(view, limit, _, cost, facts)
local quantity, renewed = limit[2], facts.receipt[1]
if cost > 0 and renewed then
return holds(view, renewed)
end
return #view + cost <= quantity or (cost > 0 and holds(view, facts.holder))
end
function algorithms.c.take(view, limit, micros, cost, facts)
local quantity, ttl = limit[2], limit[3]
local renewed = facts.receipt[1]
local id = renewed or facts.holder
if cost == 0 or (not renewed and (#view >= 2 * quantity or holds(view, id))) then
return nil
end
local after = without(view, id)
after[#after + 1] = { micros + ttl, id }
return after
end
function algorithms.c.giveback(view, _, _, _, receipt)
local after = without(view, receipt[1])
return #after < #view and after or nil
end
function algorithms.c.toreply(state, limit, micros)
local reply = {}
for _, holder in ipairs(algorithms.c.read(state, limit, micros)) do
local expiry, id = holder[1], holder[2]
reply[#reply + 1] = expiry
reply[#reply + 1] = id
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
function leases.encode(ledger, terms, micros)
local epoch, granted, previous = ledger[1], ledger[2], ledger[3]
local ttl = terms[2]
return format('%.0f:%.0f:%.0f', epoch, granted, previous), cdiv(micros + 2 * ttl, 1000)
end
function leases.read(ledger, terms, micros)
local ttl = terms[2]
local epoch = fdiv(micros, ttl)
if not ledger or ledger[1] < epoch - 1 then
return { epoch, 0, 0 }
end
if ledger[1] == epoch - 1 then
local granted = ledger[2]
return { epoch, 0, granted }
end
return ledger
end
function leases.most(ledger, terms, micros, cost)
if cost > 0 then
local granted, previous, ceiling = ledger[2], ledger[3], terms[3]
return max(0, ceiling - granted - previous)
end
local ttl, since = terms[2], terms[3]
local age = micros - since
return age >= 0 and age <= ttl and -cost or 0
end
function leases.count(ledger, terms, units)
local epoch, granted, previous = ledger[1], ledger[2], ledger[3]
if units > 0 then
return { epoch, min(MAX, granted + units), previous }
end
local ttl, since = terms[2], terms[3]
local grantedin = fdiv(since, ttl)
if grantedin == epoch then
return { epoch, max(0, granted + units), previous }
end
if grantedin == epoch - 1 then
return { epoch, granted, max(0, previous + units) }
end
return ledger
end`

const full = String.raw`local FORCE, PEEK, RESET = 1, 2, 3
local batch = cjson.decode(ARGV[1])
local limits, decisions, buckets = batch[1], batch[2], batch[3] or { 0 }
local micros = now()
local values, entries, unreadable = packed.open(buckets)
local states, isdecoded = {}, {}
local function load(key, codec)
if not isdecoded[key] then
isdecoded[key] = true
if values[key] then
states[key] = codec.decode(values[key])
if not states[key] then
unreadable = unreadable + 1
end
end
end
return states[key]
end
local function delete(key)
if entries[key] then
return packed.remove(entries[key])
end
return errorof(redis.pcall('DEL', KEYS[key]))
end
local function step(charge, state, operation, atleast, most)
local limit, cost, receipt, holder = limits[charge[1]], charge[3], charge[4], charge[5]
local algorithm = algorithms[limit[1]]
local view = algorithm.read(state, limit, micros)
if cost < 0 then
if operation == PEEK then
return nil, true
end
local after, units = algorithm.giveback(view, limit, micros, min(-cost, most or MAX), receipt)
return after, true, -(units or 0)
end
local facts = { receipt = receipt, holder = holder }
local isrenewal = algorithm.renews and cost > 0 and receipt[1] ~= nil
local admits = cost <= (most or MAX) and algorithm.admits(view, limit, micros, cost, facts)
if not admits and (operation ~= FORCE or isrenewal) then
local available = min(algorithm.available(view, limit, micros), most or MAX)
if isrenewal or atleast < 1 or cost < 1 or available < atleast then
return nil, false
end
cost = min(cost, available)
end
if cost == 0 then
return nil, true, 0
end
return algorithm.take(view, limit, micros, cost, facts), true, cost
end
local function newchanges()
return { bykey = {}, keys = {} }
end
local function change(changes, key, state, codec, limit)
if not changes.bykey[key] then
changes.keys[#changes.keys + 1] = key
end
changes.bykey[key] = { state = state, codec = codec, limit = limit }
end
local function latest(changes, key, state)
return changes.bykey[key] and changes.bykey[key].state or state
end
local function prepareentries(writes, issetting)
for _, write in ipairs(writes) do
local key, value, expiry = write[1], write[2], write[3]
local entry = value and entries[key]
local err = entry and packed.prepare(entry, decodestate(value), expiry, micros, issetting) or nil
if err then
return err
end
end
return nil
end
local function writeentries(writes)
for _, write in ipairs(writes) do
local key, value = write[1], write[2]
local entry = value and entries[key]
local err = entry and packed.write(entry, decodestate(value)) or nil
if err then
return err
end
end
return nil
end
local function commit(writes)
local issetting, ispacking = false, false
for _, write in ipairs(writes) do
local key, value = write[1], write[2]
local err = not value and delete(key) or nil
if err then
return err
end
issetting = issetting or value and not entries[key]
ispacking = ispacking or value and entries[key]
end
local err = ispacking and prepareentries(writes, issetting) or nil
if err then
return err
end
for _, write in ipairs(writes) do
local key, value, expiry = write[1], write[2], write[3]
err = value and not entries[key] and setwithexpiry(KEYS[key], value, expiry) or nil
if err then
return err
end
end
return ispacking and writeentries(writes) or nil
end
local function countkeys(decision)
local counts = {}
for i = 3, #decision do
local key = decision[i][2]
counts[key] = (counts[key] or 0) + 1
end
return counts
end
local function writesof(changes)
local writes = {}
for _, key in ipairs(changes.keys) do
local changed = changes.bykey[key]
local value, expiry = changed.codec.encode(changed.state, changed.limit, micros)
local islive = MINLIFETIME > 0 or expiry * 1000 > micros
writes[#writes + 1] = { key, islive and value, expiry }
end
for _, key in ipairs(changes.keys) do
states[key] = changes.bykey[key].state
end
return writes
end
local function decide(decision)
local operation, atleast = decision[1], decision[2]
local reply, ledgers, changes = { 1 }, {}, newchanges()
local counts = countkeys(decision)
local isallowed = true
for i = 3, #decision do
local charge = decision[i]
local limit, key, cost, receipt, terms = limits[charge[1]], charge[2], charge[3], charge[4], charge[6]
local algorithm = algorithms[limit[1]]
if algorithm.isready and not algorithm.isready(limit, micros) then
return { -1 }
end
local state = load(key, algorithm)
local facts = { cost = cost, atleast = atleast, receipt = receipt }
reply[#reply + 1] = state and algorithm.toreply(state, limit, micros, facts, counts[key] > 1) or {}
local ledgerkey, most, ledger = nil, nil, nil
if terms then
ledgerkey = terms[1]
local stored = load(ledgerkey, leases)
ledgers[#ledgers + 1] = stored and numbersinreply(stored) or {}
ledger = leases.read(latest(changes, ledgerkey, stored), terms, micros)
most = leases.most(ledger, terms, micros, cost)
end
local after, isadmitted, units = step(charge, latest(changes, key, state), operation, atleast, most)
if not isadmitted then
isallowed = false
elseif after and operation ~= PEEK then
change(changes, key, after, algorithm, limit)
if terms and units ~= 0 then
change(changes, ledgerkey, leases.count(ledger, terms, units), leases, terms)
end
end
end
reply[1] = isallowed and 1 or 0
for _, ledger in ipairs(ledgers) do
reply[#reply + 1] = ledger
end
return reply, isallowed and commit(writesof(changes)) or nil
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
local replies = { micros, 0, '' }
for _, decision in ipairs(decisions) do
local operation = decision[1]
local isdone, reply, err = pcall(operation == RESET and reset or decide, decision)
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

export const FAST: string = [arithmetic, state, fast].join('\n')

export const PACKED: string = [arithmetic, state, packed, fast].join('\n')

export const FULL: string = [
  arithmetic,
  state,
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
