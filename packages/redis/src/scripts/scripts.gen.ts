// Generated from lua/ by `node scripts/embed-lua.ts`. Do not edit.
export const CLOCK: string = String.raw`local MINLIFETIME = 0
local KEPTFOR = 0
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
local KEPTFOR = 9007199254740991
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
local micros = now()
local ms = fdiv(micros, 1000)
local FIRSTCHARGE, CALENDAR, MOVABLE = 1, 2, 3
local function preparefixed(limit)
local anchor, length = limit[4], limit[5]
local isfirst = anchor == FIRSTCHARGE
local current, latest
if anchor == CALENDAR then
local first, second, third, fourth = limit[5], limit[6], limit[7], limit[8]
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
local function rolledfixed(limit, finish, count)
local earliest, latest, current, isfirst = limit[5], limit[6], limit[7], limit[8]
if not finish or finish < earliest then
return current, 0
end
if finish > latest or isfirst and count == 0 then
return current, count
end
return finish, count
end
local function chargefixed(limit, finish, count, _, cost, isforced)
local quantity, current = limit[3], limit[7]
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
local function preparesliding(limit)
local length = limit[4]
local elapsed = ms % length
limit[5], limit[6], limit[7] = (ms - elapsed + 2 * length) * 1000, (ms + MAXAHEAD + 2 * length) * 1000, length - elapsed
end
local function rolledsliding(limit, finish, count, previous)
local length, current, latest = limit[4], limit[5], limit[6]
if not finish or finish < current - length * 1000 then
return current, 0, 0
end
if finish < current then
return current, 0, max(0, count)
end
if finish > latest then
return current, count, previous
end
return finish, count, previous
end
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
after = min(fdiv(MAX, length), after)
if after <= count then
return true
end
end
return true, finish, after, previous
end
local function deficitof(limit, full, rest, rate)
if not full or full < micros or rest ~= 0 and (rest < 0 or rest >= rate) then
return 0, 0
end
local tokens = limit[3]
local missing = full - micros
if rest == 0 or rate == tokens then
return missing, rest
end
return missing + 1, 0
end
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
local function exceeds(limit, cost, isforced)
return limit[12] and cost > limit[12] and not isforced
end
local function mostback(limit, count, isreceipt, largest)
if not limit[12] then
return max(0, count)
end
return isreceipt and count + largest or 0
end
local prepare = { f = preparefixed, s = preparesliding }
local charge = { f = chargefixed, s = chargesliding, b = chargebucket }
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
end`

const state = String.raw`local match, format, rep, type = string.match, string.format, string.rep, type
local pack, unpacked = struct.pack, struct.unpack
local packed = nil
local ENTRY, SIZE, MAXENTRIES = '>I4ddd', 28, 32
local MAXSIZE = SIZE * 255
local BLOCK = 4294967295
local unreadable, dropped = 0, 0
local formats = { ENTRY }
local function formatof(count)
local text = formats[count]
if not text then
text = format('>%s', rep('I4ddd', count))
formats[count] = text
end
return text
end
local function isstate(first, second, third)
return first % 1 == 0
and second % 1 == 0
and third % 1 == 0
and first >= 0
and third >= 0
and first <= MAX
and third <= MAX
and second >= -MAX
and second <= MAX
end
local function remove(entries, at)
for _ = 1, 4 do
table.remove(entries, at)
end
end
local function isrepeated(entries, at)
local id = entries[at]
for other = 1, at - 4, 4 do
if entries[other] == id then
return true
end
end
return false
end
local function isvalue(text)
local size = #text
return size > 0 and size % SIZE == 0 and size <= MAXSIZE
end
local function decodevalue(text)
if not isvalue(text) then
unreadable = unreadable + 1
return {}, 0
end
local size = #text
local length = size / 7
local entries = { unpacked(formats[size / SIZE] or formatof(size / SIZE), text) }
entries[length + 1] = nil
local latest = 0
for at = length - 3, 1, -4 do
local first = entries[at + 1]
if not isstate(first, entries[at + 2], entries[at + 3]) or isrepeated(entries, at) then
unreadable = unreadable + 1
remove(entries, at)
elseif first > latest then
latest = first
end
end
return entries, latest
end
local function find(entries, id, place)
local expected = 4 * place - 3
if entries[expected] == id then
return expected
end
for at = 1, #entries, 4 do
if entries[at] == id then
return at
end
end
return nil
end
local function blockedby(entries)
return entries[1] == BLOCK and entries[2] or 0
end
local function latestof(entries)
local latest = 0
for at = 2, #entries, 4 do
local first = entries[at]
if first > latest then
latest = first
end
end
return latest
end
local function prune(entries, needed, isneeded)
for at = #entries - 3, 1, -4 do
if entries[at + 1] < micros - KEPTFOR then
remove(entries, at)
end
end
while #entries > 4 * MAXENTRIES do
local earliest = nil
for at = 1, #entries, 4 do
if (not earliest or entries[at + 1] < entries[earliest + 1]) and entries[at] ~= BLOCK and not isneeded(needed, entries[at]) then
earliest = at
end
end
if not earliest then
return
end
remove(entries, earliest)
dropped = dropped + 1
end
end
local function encodevalue(entries)
local length = #entries
return pack(formats[length / 4] or formatof(length / 4), unpack(entries, 1, length))
end
local function expiryof(latest)
return fdiv(latest, 1000) + 1
end
local function errorof(reply)
return type(reply) == 'table' and reply.err or nil
end`

const exchanged = String.raw`local fullat = 0
function charge.x(limit, full, rest, rate, cost, isforced)
local isadmitted, first, second, third = chargebucket(limit, full, rest, rate, cost, isforced)
fullat = first
return isadmitted, first, second, third
end
function charge.t(limit, finish, units, birth, cost)
if not finish or finish < micros then
units, birth = 0, micros
end
return true, fullat + limit[3], units + cost, birth
end`

const request = String.raw`local batch = cjson.decode(ARGV[1])
local limits, sets, request = batch[1], batch[2], batch[3]
for i = 1, #limits do
local limit = limits[i]
local letter = limit[1]
if prepare[letter] then
prepare[letter](limit)
end
limit[1] = chargeof(limit)
end
for i = 1, #sets do
local set = sets[i]
for j = 1, #set do
set[j] = limits[set[j]]
end
end
local values, entries = nil, nil
if packed then
values, entries = packed.open(batch[4], 0)
else
values = redis.call('MGET', unpack(KEYS))
end
local names = KEYS
local err = nil
local hasaskedttl = false
local function keepsexpiry(key)
hasaskedttl = true
local left = redis.pcall('PTTL', KEYS[key])
err = errorof(left)
return left ~= -1
end
local function write(key, text, latest, iskept)
values[key] = text
if iskept then
local reply = redis.pcall('SETRANGE', names[key], '0', text)
return type(reply) == 'table' and reply.err or nil
end
return setwithexpiry(names[key], text, expiryof(latest))
end`

const limitSet = String.raw`local sub, concat = string.sub, table.concat
local positions, after = {}, {}
local pieces = {}
local function hasid(set, id)
for j = 1, #set do
if set[j][2] == id then
return true
end
end
return false
end
local function search(set, text, costs)
local found, latestbefore = decodevalue(text)
local before = isvalue(text) and text or ''
if blockedby(found) > micros then
return before, false
end
local size, length = #set, #found
for j = 1, size do
local limit, own = set[j], 4 * j
local id = limit[2]
local at = find(found, id, j)
local isadmitted, first, second, third
if at then
isadmitted, first, second, third = limit[1](limit, found[at + 1], found[at + 2], found[at + 3], request[costs + j])
else
isadmitted, first, second, third = limit[1](limit, nil, nil, nil, request[costs + j])
end
if not isadmitted then
return before, false
end
if not at then
at = length + 1
length = length + 4
end
positions[j] = at
after[own - 3], after[own - 2], after[own - 1], after[own] = id, first, second, third
end
for j = 1, size do
local at, own = positions[j], 4 * j
found[at], found[at + 1], found[at + 2], found[at + 3] = after[own - 3], after[own - 2], after[own - 1], after[own]
end
local latest = latestof(found)
if latest == latestbefore and 7 * length == #before then
return before, true, encodevalue(found), latest, true
end
prune(found, set, hasid)
return before, true, encodevalue(found), latestof(found), false
end
local function bytesbefore(text, id)
for before = 0, #text - SIZE, SIZE do
local other = unpacked('>I4', text, before + 1)
if other == id then
return before
elseif other == BLOCK then
return nil
end
end
return nil
end
local function latestoutside(text, from, to)
local latest = 0
for before = 0, #text - SIZE, SIZE do
if before < from or before >= to then
local _, first = unpacked('>I4d', text, before + 1)
if first > latest and first <= MAX then
latest = first
end
end
end
return latest
end
local function decideset(set, key, costs)
local text, size = values[key], #set
local isshared = text and #text ~= SIZE * size
local before = isshared and bytesbefore(text, set[1][2]) or 0
if isshared and (not isvalue(text) or before + SIZE * size > #text) then
return search(set, text, costs)
end
local latestbefore, latest, isunmoved = 0, 0, true
for j = 1, size do
local limit = set[j]
local id, first, second, third = limit[2], nil, nil, nil
if text then
id, first, second, third = unpacked(ENTRY, text, before + SIZE * j - 27)
if id ~= limit[2] or not isstate(first, second, third) then
return search(set, text, costs)
end
if first > latestbefore then
latestbefore = first
end
end
local isadmitted, a, b, c = limit[1](limit, first, second, third, request[costs + j])
if not isadmitted then
return text or '', false
end
if a > latest then
latest = a
end
isunmoved = isunmoved and a == first
local own = 4 * j
after[own - 3], after[own - 2], after[own - 1], after[own] = id, a, b, c
end
local value = pack(formats[size] or formatof(size), unpack(after, 1, 4 * size))
if not isshared then
return text or '', true, value, latest, latest == latestbefore
end
if not isunmoved then
local others = latestoutside(text, before, before + SIZE * size)
if others < latestbefore or others < latest then
return search(set, text, costs)
end
end
pieces[1], pieces[2], pieces[3] = sub(text, 1, before), value, sub(text, before + SIZE * size + 1)
return text, true, concat(pieces), latest, true
end`

const fast = String.raw`local answers, answered = {}, 0
local admitted, refused = { [0] = '1\0', '1\1', '1\2', '1\3', '1\4' }, { [0] = '0\0', '0\1', '0\2', '0\3', '0\4' }
local byte = string.char
local function headof(heads, verdict, count)
local head = heads[count]
if not head then
head = format('%s%s', verdict, byte(count))
heads[count] = head
end
return head
end
local function writepacked(entry, key, first, second, third)
err = packed.prepare(entry, first, false)
if not err then
values[key] = pack(ENTRY, 0, first, second, third)
err = packed.write(entry, first, second, third)
end
end
local function answer(isallowed, text)
local count = #text / SIZE
answers[answered + 1] = isallowed and headof(admitted, '1', count) or headof(refused, '0', count)
answers[answered + 2] = text
end
local function decide(set, key, costs)
local text, isallowed, value, latest, iskept = decideset(set, key, costs)
answer(isallowed, text)
if isallowed then
iskept = iskept and (hasaskedttl or keepsexpiry(key))
err = err or write(key, value, latest, iskept)
end
end
local function decideone(set, key, costs)
local text, limit = values[key], set[1]
local first, second, third = nil, nil, nil
if text then
local id = nil
if #text == SIZE then
id, first, second, third = unpacked(ENTRY, text)
end
if id ~= limit[2] or not isstate(first, second, third) then
decide(set, key, costs)
return
end
end
local isallowed, a, b, c = limit[1](limit, first, second, third, request[costs + 1])
if text then
answers[answered + 1], answers[answered + 2] = isallowed and '1\1' or '0\1', text
else
answers[answered + 1], answers[answered + 2] = isallowed and '1\0' or '0\0', ''
end
if not isallowed then
return
end
if packed and entries[key] then
writepacked(entries[key], key, a, b, c)
return
end
local iskept = a == first and (hasaskedttl or keepsexpiry(key))
err = err or write(key, pack(ENTRY, limit[2], a, b, c), a, iskept)
end
local keysafter, valuesafter, latestafter, arekept = {}, {}, {}, {}
local function commit(count)
for i = 1, count do
arekept[i] = arekept[i] and not err and (hasaskedttl or keepsexpiry(keysafter[i]))
end
local isset = false
for i = 1, count do
if not arekept[i] and not err then
isset = true
err = write(keysafter[i], valuesafter[i], latestafter[i], false)
end
end
for i = 1, count do
if arekept[i] and not err then
err = write(keysafter[i], valuesafter[i], latestafter[i], true)
if err and isset then
err = write(keysafter[i], valuesafter[i], latestafter[i], false)
end
end
end
end
local function decideseveral(count, place)
local isallowed, first = true, answered
answers[first + 1] = '1'
for i = 1, count do
local set, key = sets[request[place]], request[place + 1]
local text, isadmitted, value, latest, iskept = decideset(set, key, place + 1)
keysafter[i], valuesafter[i], latestafter[i], arekept[i] = key, value, latest, iskept
isallowed = isallowed and isadmitted
answers[first + 2 * i], answers[first + 2 * i + 1] = byte(#text / SIZE), text
place = place + 2 + #set
end
if isallowed then
commit(count)
else
answers[first + 1] = '0'
end
return place
end
local position, following = 1, 1
local function run()
local size = #request
while position <= size do
local index = request[position]
if index > 0 then
local set = sets[index]
local count = #set
following = position + 2 + count
if count == 1 then
decideone(set, request[position + 1], position + 1)
else
decide(set, request[position + 1], position + 1)
end
if err then
return
end
answered = answered + 2
else
following = nil
following = decideseveral(-index, position + 1)
if err then
return
end
answered = answered + 1 - 2 * index
end
position = following
end
end
local function behind(place)
local count, cursor = -request[place], place + 1
for _ = 1, count do
cursor = cursor + 2 + #sets[request[cursor]]
end
return cursor
end
repeat
local isdone, thrown = pcall(run)
if not isdone then
local text = type(thrown) == 'table' and thrown.err or thrown
answers[answered + 1], answers[answered + 2], answers[answered + 3] = '2', pack('>I4', #text), text
answered = answered + 3
position = following or behind(position)
end
until isdone
return { micros, unreadable, dropped, err or '', table.concat(answers, '', 1, answered) }`

const packedEntry = String.raw`local IDS = 16
local SPANS = { 256, 4096, 2097152 }
local function natural(text)
local n = tonumber(text)
return n and n >= 0 and n <= MAX and n % 1 == 0 and n or nil
end
local function unpackentry(text, base, window)
local n = natural(text)
if not n then
local start, sign, count, previous = match(text, '^(%d+):(%-?)(%d+):(%d+)$')
if start then
start, count, previous = natural(start), natural(count), natural(previous)
count = count and sign == '-' and -count or count
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
local function packentry(bucket, start, count, previous)
local id, class, span = start / bucket.window, 0, 0
while previous > 0 and count >= span and class < 3 do
class = class + 1
span = SPANS[class]
end
if id % 1 == 0 and id >= (bucket.next or bucket.base) and id < bucket.base + IDS and count >= 0 and (count < span or class == 0) then
local n = ((previous * span + count) * 4 + class) * IDS + id % IDS
if n <= MAX then
return n
end
end
return format('%.0f:%.0f:%.0f', start, count, previous)
end`

const packed = String.raw`packed = {}
local FULL = 96
local SLACK = 1000
local function readheader(bucket, text)
local base, following, cursor = natural(text), false, '0'
if not base and string.sub(text, -1) == '!' then
bucket.hasblocks = true
text = string.sub(text, 1, -2)
base = natural(text)
end
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
if bucket.hasblocks then
text = format('%s!', text)
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
local start, count, previous = unpackentry(text, bucket.base, bucket.window)
local first = start and (start + bucket.lifetime) * 1000
if not first or not isstate(first, count, previous) then
return false
end
values[number], entry.isnew = pack(ENTRY, 0, first, count, previous), false
end
return true
end
local function blockfield(field)
return table.concat({ '!', field })
end
local function openblock(entry, number, values)
local reply = redis.call('HMGET', entry.bucket.key, blockfield(entry.field))
local finish = reply[1] and natural(reply[1]) or 0
if finish > micros then
values[number] = table.concat({ pack(ENTRY, BLOCK, finish, 0, 0), values[number] or '' })
end
end
local function newbucket(key, window, lifetime)
return { key = key, window = window, lifetime = lifetime, base = false, next = false, cursor = '0', isforeign = false }
end
local function newentry(bucket, field)
return { bucket = bucket, field = type(field) == 'number' and pack('>I6', field) or field, isnew = true }
end
function packed.open(request, setcount)
local bucketcount = request[1]
local keycount = #KEYS - bucketcount
local values, entries, number = {}, {}, #KEYS
local read = keycount - setcount
for first = 1, read, 1000 do
local last = min(first + 999, read)
for i, value in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
values[first + i - 1] = value
end
end
local cursor = 1
for i = 1, bucketcount do
local fieldcount, window, lifetime = request[cursor + 1], request[cursor + 2], request[cursor + 3]
cursor = cursor + 3
local bucket = newbucket(KEYS[keycount + i], window, lifetime)
for _ = 1, fieldcount do
cursor = cursor + 1
local entry = newentry(bucket, request[cursor])
number = number + 1
entries[number] = entry
if not bucket.isforeign and not openentry(entry, number, values) then
unreadable = unreadable + 1
end
if bucket.hasblocks and not bucket.isforeign then
openblock(entry, number, values)
end
end
end
return values, entries
end
function packed.read(key, window, lifetime, field)
local entry, values = newentry(newbucket(key, window, lifetime), field), {}
if not openentry(entry, 1, values) then
unreadable = unreadable + 1
end
return entry, values[1]
end
local function sweep(bucket, base)
bucket.next = bucket.next or base
local scanned = redis.pcall('HSCAN', bucket.key, bucket.cursor, 'COUNT', 100)
if scanned.err then
return scanned.err
end
local found, gone = scanned[2], {}
for i = 1, #found, 2 do
local name, text = found[i], found[i + 1]
local isgone = false
if string.sub(name, 1, 1) == '!' then
isgone = (natural(text) or 0) < micros - KEPTFOR
elseif name ~= '.' then
local start = unpackentry(text, bucket.base, bucket.window)
isgone = not start or start < bucket.next * bucket.window
end
if isgone then
gone[#gone + 1] = name
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
local function startof(bucket, first)
return fdiv(first, 1000) - bucket.lifetime
end
function packed.prepare(entry, first, needsproof)
local bucket = entry.bucket
local start, expiry = startof(bucket, first), fdiv(first, 1000)
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
function packed.write(entry, first, count, previous)
local bucket = entry.bucket
entry.isnew = false
return errorof(redis.pcall('HSET', bucket.key, entry.field, packentry(bucket, startof(bucket, first), count, previous)))
end
local function endblock(entry)
local bucket = entry.bucket
local err = errorof(redis.pcall('HDEL', bucket.key, blockfield(entry.field)))
local scanned = err and { '' } or redis.pcall('HSCAN', bucket.key, '0', 'COUNT', 100)
if err or scanned.err or scanned[1] ~= '0' then
return err or scanned.err
end
local latest = 0
for i = 1, #scanned[2], 2 do
if string.sub(scanned[2][i], 1, 1) == '!' then
latest = max(latest, natural(scanned[2][i + 1]) or 0)
end
end
bucket.hasblocks = latest > 0
local lifetime = max(MINLIFETIME, bucket.lifetime + MAXAHEAD, fdiv(latest, 1000) - ms)
return writeheader(bucket) or errorof(expirehash(bucket.key, lifetime, ms, SLACK))
end
function packed.block(entry, finish)
local bucket = entry.bucket
if not finish then
return bucket.hasblocks and endblock(entry) or nil
end
bucket.hasblocks = true
return packed.prepare(entry, finish, true)
or errorof(redis.pcall('HSET', bucket.key, blockfield(entry.field), format('%.0f', finish)))
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

const generations = String.raw`return redis.call('MGET', unpack(KEYS))`

const publishPolicy = String.raw`local documents, changes = KEYS[1], KEYS[2]
local namespace, revision, text, expected, most = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local revisionfield = string.format('%s:revision', namespace)
local function failed(reply)
return type(reply) == 'table' and reply.err
end
local stored = redis.call('HMGET', documents, revisionfield, namespace, ':cursor')
local current = stored[1] or ''
if current == revision and stored[2] == text then
return { 1, current }
end
if expected ~= '' and (stored[1] or '0') ~= expected then
return { 0, current }
end
if stored[1] and tonumber(stored[1]) >= tonumber(revision) then
return { 0, current }
end
local id = redis.pcall('XADD', changes, 'MAXLEN', most, '*', 'namespace', namespace, 'revision', revision, 'previous', stored[3] or '0-0')
if failed(id) then
return id
end
local written = redis.pcall('HSET', documents, namespace, text, revisionfield, revision, ':cursor', id)
if failed(written) then
redis.pcall('XDEL', changes, id)
return written
end
return { 1, revision }`

const readPolicies = String.raw`local documents, changes = KEYS[1], KEYS[2]
local since = ARGV[1]
local size = redis.call('HLEN', documents)
if since == '*' then
local fields = redis.call('HGETALL', documents)
local reply = { 'all', '0-0', size }
for i = 1, #fields, 2 do
local field, value = fields[i], fields[i + 1]
if field == ':cursor' then
reply[2] = value
elseif not string.find(field, ':', 1, true) then
reply[#reply + 1] = field
reply[#reply + 1] = value
end
end
return reply
end
local cursor = redis.call('HMGET', documents, ':cursor')[1] or '0-0'
if cursor == since then
return { 'same', cursor, size }
end
local names, seen = {}, {}
local last = since
for _, entry in ipairs(redis.call('XRANGE', changes, string.format('(%s', since), '+')) do
local name, previous = entry[2][2], entry[2][6]
if previous ~= last then
return { 'resync', cursor, size }
end
last = entry[1]
if not seen[name] then
seen[name] = true
names[#names + 1] = name
end
end
if last ~= cursor then
return { 'resync', cursor, size }
end
local reply = { 'changes', cursor, size }
local texts = redis.call('HMGET', documents, unpack(names, 1, #names))
for i, name in ipairs(names) do
reply[2 * i + 2] = name
reply[2 * i + 3] = texts[i]
end
return reply`

const countViolations = String.raw`local FIRST = 6
local MOST_ENDPOINTS = 16
local OTHER = '__other__'
local sent, board, endpoints, boards = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local number, marked, life, most, name = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
if tonumber(redis.call('GET', sent) or '0') >= tonumber(number) then
return 0
end
local subjects = {}
for i = FIRST, #ARGV, 3 do
subjects[#subjects + 1] = ARGV[i]
end
local scores = redis.call('ZMSCORE', board, unpack(subjects, 1, #subjects))
local known = redis.call('HMGET', endpoints, unpack(subjects, 1, #subjects))
local function merged(old, new)
local counts, names = {}, {}
for _, text in ipairs({ old, new }) do
for count, endpoint in string.gmatch(text, '(%d+) ([^\n]*)\n') do
if not counts[endpoint] and #names >= MOST_ENDPOINTS then
endpoint = OTHER
end
if not counts[endpoint] then
names[#names + 1] = endpoint
counts[endpoint] = 0
end
counts[endpoint] = counts[endpoint] + tonumber(count)
end
end
local lines = {}
for i, endpoint in ipairs(names) do
lines[i] = string.format('%.0f %s\n', counts[endpoint], endpoint)
end
return table.concat(lines)
end
local added, merges = {}, {}
for i, subject in ipairs(subjects) do
local at = FIRST + 3 * (i - 1)
added[2 * i - 1] = string.format('%.0f', tonumber(scores[i] or '0') + tonumber(ARGV[at + 1]))
added[2 * i] = subject
merges[2 * i - 1] = subject
merges[2 * i] = merged(known[i] or '', ARGV[at + 2])
end
local written = redis.pcall('ZADD', board, unpack(added, 1, #added))
if type(written) == 'table' and written.err then
return written
end
redis.pcall('SET', sent, number, 'PX', marked)
redis.pcall('HSET', endpoints, unpack(merges, 1, #merges))
redis.pcall('SADD', boards, name)
for _, key in ipairs({ board, endpoints, boards }) do
redis.pcall('PEXPIRE', key, life)
end
local count = redis.pcall('ZCARD', board)
local over = type(count) == 'number' and count - most or 0
if over > 0 then
local last = string.format('%.0f', over - 1)
local lowest = redis.pcall('ZRANGE', board, '0', last)
if not lowest.err and #lowest > 0 then
redis.pcall('HDEL', endpoints, unpack(lowest, 1, #lowest))
redis.pcall('ZREMRANGEBYRANK', board, '0', last)
end
end
return 1`

const countUsage = String.raw`local FIRST = 6
local sent, minute, hour = KEYS[1], KEYS[2], KEYS[3]
local number, marked, most = ARGV[1], ARGV[2], tonumber(ARGV[5])
if tonumber(redis.call('GET', sent) or '0') >= tonumber(number) then
return 0
end
local function sums(key)
local fields = {}
for i = FIRST, #ARGV, 4 do
fields[#fields + 1] = ARGV[i]
fields[#fields + 1] = ARGV[i + 1]
end
local stored = redis.call('HMGET', key, unpack(fields, 1, #fields))
local length = redis.call('HLEN', key)
local requests, units, order = {}, {}, {}
local function add(field, text, more, moreunits)
if not requests[field] then
local before, beforeunits = string.match(text or '0 0', '^(%d+) (%d+)$')
requests[field], units[field] = tonumber(before or '0'), tonumber(beforeunits or '0')
order[#order + 1] = field
end
requests[field] = requests[field] + tonumber(more)
units[field] = units[field] + tonumber(moreunits)
end
for i = FIRST, #ARGV, 4 do
local at = (i - FIRST) / 2 + 1
if stored[at] or requests[ARGV[i]] or length < most then
if not stored[at] and not requests[ARGV[i]] then
length = length + 1
end
add(ARGV[i], stored[at], ARGV[i + 2], ARGV[i + 3])
else
add(ARGV[i + 1], stored[at + 1], ARGV[i + 2], ARGV[i + 3])
end
end
local written = {}
for i, field in ipairs(order) do
written[2 * i - 1] = field
written[2 * i] = string.format('%.0f %.0f', requests[field], units[field])
end
return written
end
local minutes, hours = sums(minute), sums(hour)
local written = redis.pcall('HSET', minute, unpack(minutes, 1, #minutes))
if type(written) == 'table' and written.err then
return written
end
redis.pcall('SET', sent, number, 'PX', marked)
redis.pcall('HSET', hour, unpack(hours, 1, #hours))
redis.pcall('PEXPIRE', minute, ARGV[3])
redis.pcall('PEXPIRE', hour, ARGV[4])
return 1`

const blockTime = String.raw`local records, ends, changes, shared = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local now
if ARGV[1] == '' then
local time = redis.call('TIME')
now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
else
now = tonumber(ARGV[1])
end
local function entryof(value)
if not value then
return nil
end
local effect, finish = string.match(value, '^(%S+) %S+ %S+ (%S+) ')
if finish == 'inf' then
return effect, math.huge
end
local time = tonumber(finish)
if not time or time <= now then
return nil
end
return effect, time
end`

const blockRecords = String.raw`local KEPT = 1000
local SWEPT = 1000
local SLACK = 86400000
local cursor = redis.call('HMGET', shared, 'cursor')[1] or '0-0'
local function failed(reply)
return type(reply) == 'table' and reply.err
end
local function announce(id, value)
local change = redis.pcall('XADD', changes, 'MAXLEN', KEPT, '*', 'id', id, 'entry', value, 'previous', cursor)
if failed(change) then
return change
end
local written = redis.pcall('HSET', shared, 'cursor', change)
if failed(written) then
redis.pcall('XDEL', changes, change)
return written
end
cursor = change
return nil
end
local function put(id, value, finish)
local written = redis.pcall('HSET', records, id, value)
if failed(written) then
return written
end
local ranked = redis.pcall('ZADD', ends, finish == math.huge and '+inf' or string.format('%.0f', finish), id)
local err = failed(ranked) and ranked or announce(id, value)
if err then
redis.pcall('HDEL', records, id)
redis.pcall('ZREM', ends, id)
end
return err
end
local function sweep()
local ended = redis.call('ZRANGEBYSCORE', ends, '-inf', string.format('%.0f', now), 'LIMIT', 0, SWEPT)
if #ended == 0 then
return nil
end
local removed = redis.pcall('HDEL', records, unpack(ended, 1, #ended))
if failed(removed) then
return removed
end
local unranked = redis.pcall('ZREM', ends, unpack(ended, 1, #ended))
return failed(unranked) and unranked or nil
end
local function expire()
local last = redis.call('ZRANGE', ends, -1, -1, 'WITHSCORES')[2]
local lives = string.format('%.0f', SLACK + math.max(0, (last == 'inf' and 0 or tonumber(last or now)) - now))
for _, key in ipairs({ records, ends, changes, shared }) do
local done
if last == 'inf' then
done = redis.pcall('PERSIST', key)
else
done = redis.pcall('PEXPIRE', key, lives)
end
if failed(done) then
return done
end
end
return nil
end`

const blockReport = String.raw`local rulename, effect = ARGV[2], ARGV[3]
local window, leaststrikes, leastendpoints, share = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local first, longest, quiet, highest = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local perminute, part, active, most = tonumber(ARGV[12]), tonumber(ARGV[13]), tonumber(ARGV[14]), tonumber(ARGV[15])
local FIRSTREPORT, FIELDS = 16, 6
local MAXLIMITS = 8
local ONES = { [0] = 0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4 }
local function ones(bits)
local count = 0
for digit in string.gmatch(bits, '%x') do
count = count + ONES[tonumber(digit, 16)]
end
return count
end
local function union(a, b)
local words = {}
for i = 1, 64, 8 do
words[#words + 1] = bit.tohex(bit.bor(tonumber(string.sub(a, i, i + 7), 16), tonumber(string.sub(b, i, i + 7), 16)))
end
return table.concat(words)
end
local function names(a, b)
local list, seen = {}, {}
for _, text in ipairs({ a, b }) do
for name in string.gmatch(text, '[^|]+') do
if not seen[name] and #list < MAXLIMITS then
seen[name] = true
list[#list + 1] = name
end
end
end
return table.concat(list, '|')
end
local function counted(text, at)
local counts = {
since = now,
strikes = tonumber(ARGV[at + 1]),
refused = tonumber(ARGV[at + 2]),
requests = tonumber(ARGV[at + 3]),
endpoints = ARGV[at + 4],
limits = names('', ARGV[at + 5]),
}
if text then
local since, strikes, refused, requests, endpoints, limits = string.match(text, '^(%d+) (%d+) (%d+) (%d+) (%x+) (.*)$')
since = tonumber(since)
if since and now - since <= window and now >= since then
counts.since = since
counts.strikes = counts.strikes + tonumber(strikes)
counts.refused = counts.refused + tonumber(refused)
counts.requests = counts.requests + tonumber(requests)
counts.endpoints = union(counts.endpoints, endpoints)
counts.limits = names(limits, counts.limits)
end
end
return counts
end
local function levelafter(text)
local level, finish = string.match(text or '', '^(%d+) (%d+)$')
local left = 0
if level then
left = math.max(0, tonumber(level) - math.max(0, math.floor((now - tonumber(finish)) / quiet)))
end
return math.min(highest, left + 1)
end
local blocked, budget
local function startminute()
local stored = redis.call('HMGET', shared, 'minute', 'blocked', 'active', 'before')
local minute, last = math.floor(now / 60000), tonumber(stored[1] or '-2')
local before = tonumber(stored[4] or '0')
blocked = tonumber(stored[2] or '0')
if minute ~= last then
before = minute == last + 1 and tonumber(stored[3] or '0') or 0
blocked = 0
else
active = math.max(active, tonumber(stored[3] or '0'))
end
budget = math.min(perminute, math.max(1, math.floor(part * math.max(active, before))))
return { 'minute', string.format('%.0f', minute), 'active', string.format('%.0f', active), 'before', string.format('%.0f', before) }
end
local function writecounts(key, counts)
local value = string.format(
'%.0f %.0f %.0f %.0f %s %s',
counts.since,
counts.strikes,
counts.refused,
counts.requests,
counts.endpoints,
counts.limits
)
local written = redis.pcall('SET', key, value, 'PX', string.format('%.0f', 2 * window))
return failed(written) and written or nil
end
local function newblock(counts, lastblock)
local level = levelafter(lastblock)
local finish = now + math.min(first * 2 ^ (level - 1), longest)
local evidence = string.format(
'%.0f,%.0f,%.0f,%.0f,%d,%s',
counts.since,
counts.strikes,
counts.refused,
counts.requests,
ones(counts.endpoints),
counts.limits
)
return string.format('%s %s %.0f %.0f %d %s ', effect, rulename, now, finish, level, evidence), finish, level
end
local fields = startminute()
local stored = redis.call('MGET', unpack(KEYS, 5, #KEYS))
local err = sweep()
if err then
return err
end
local size = redis.call('HLEN', records)
local reply = { 0, 0 }
for report = 1, (#KEYS - 4) / 2 do
local at = FIRSTREPORT + (report - 1) * FIELDS
local id, countskey, lastkey = ARGV[at], KEYS[3 + 2 * report], KEYS[4 + 2 * report]
local value = redis.call('HMGET', records, id)[1]
local current = entryof(value)
local counts = counted(stored[2 * report - 1], at)
local isfree = not current or (current == 'shadow' and effect ~= 'shadow')
local breaks = counts.strikes >= leaststrikes and ones(counts.endpoints) >= leastendpoints and counts.refused >= share * counts.requests
if isfree and breaks and blocked >= budget then
reply[1] = reply[1] + 1
err = writecounts(countskey, counts)
elseif isfree and breaks and size >= most and not value then
reply[2] = reply[2] + 1
err = writecounts(countskey, counts)
elseif isfree and breaks then
local entry, finish, level = newblock(counts, stored[2 * report])
err = put(id, entry, finish)
if not err then
blocked = blocked + 1
size = value and size or size + 1
local lasts = string.format('%.0f', finish - now + level * quiet)
local kept = redis.pcall('SET', lastkey, string.format('%d %.0f', level, finish), 'PX', lasts)
err = failed(kept) and kept or nil
redis.pcall('DEL', countskey)
reply[#reply + 1] = id
reply[#reply + 1] = entry
end
else
err = writecounts(countskey, counts)
end
if err then
return err
end
end
fields[#fields + 1] = 'blocked'
fields[#fields + 1] = string.format('%.0f', blocked)
local written = redis.pcall('HSET', shared, unpack(fields, 1, #fields))
if failed(written) then
return written
end
return expire() or reply`

const blockEntry = String.raw`local what, id, effect, reason, duration, most = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local err = sweep()
if err then
return err
end
local value = redis.call('HMGET', records, id)[1]
local current = entryof(value)
local function forget()
local done = redis.pcall('DEL', KEYS[5], KEYS[6], KEYS[7])
return failed(done) and done or nil
end
if what == 'put' then
if current == 'allow' and effect ~= 'allow' then
return { 0, 'allowed' }
end
if not value and redis.call('HLEN', records) >= most then
return { 0, 'full' }
end
local finish = duration == 'inf' and math.huge or now + tonumber(duration)
local text = duration == 'inf' and 'inf' or string.format('%.0f', finish)
local entry = string.format('%s manual %.0f %s 0 - %s', effect, now, text, reason)
err = put(id, entry, finish) or expire()
if err then
return err
end
redis.pcall('DEL', KEYS[5])
return { 1, entry }
end
if what == 'block' then
err = forget()
if err then
return err
end
end
if not current or (current == 'allow') ~= (what == 'allow') then
return { 0 }
end
local removed = redis.pcall('HDEL', records, id)
if failed(removed) then
return removed
end
redis.pcall('ZREM', ends, id)
return announce(id, '') or expire() or { 1 }`

const readBlocks = String.raw`local what, at, count = ARGV[2], ARGV[3], ARGV[4]
local nowtext = string.format('%.0f', now)
if what == 'one' then
local stored = redis.call('MGET', KEYS[5], KEYS[6], KEYS[7])
local value = redis.call('HMGET', records, at)[1]
return { nowtext, value or '', stored[1] or '', stored[2] or '', stored[3] or '' }
end
local cursor = redis.call('HMGET', shared, 'cursor')[1] or '0-0'
if what == 'page' then
local page = redis.call('HSCAN', records, at, 'COUNT', count)
local reply = { nowtext, cursor, page[1] }
for i = 1, #page[2] do
reply[i + 3] = page[2][i]
end
return reply
end
if cursor == at then
return { 'same', cursor }
end
local found = redis.call('XRANGE', changes, string.format('(%s', at), '+', 'COUNT', count)
local reply = { 'changes', at }
for _, change in ipairs(found) do
local fields = change[2]
if fields[6] ~= reply[2] then
return { 'resync', cursor }
end
reply[2] = change[1]
reply[#reply + 1] = fields[2]
reply[#reply + 1] = fields[4]
end
if #found < tonumber(count) and reply[2] ~= cursor then
return { 'resync', cursor }
end
return reply`

const blockRevision = String.raw`local revisions, policy, revision, most = KEYS[5], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local LIFETIME = 2592000000
local stored = redis.call('HMGET', revisions, policy)[1]
local known, since = string.match(stored or '', '^(%d+) (%d+)$')
if known and revision <= tonumber(known) then
return since == '0' and 'inf' or string.format('%.0f', now - tonumber(since))
end
if not known and redis.call('HLEN', revisions) >= most then
return 'inf'
end
local written = redis.pcall('HSET', revisions, policy, string.format('%.0f %.0f', revision, known and now or 0))
if type(written) == 'table' and written.err then
return written
end
redis.pcall('PEXPIRE', revisions, string.format('%.0f', LIFETIME))
return known and '0' or 'inf'`

const regionLedger = String.raw`local FORMAT = 2
local DOUBLES = 8
local CHUNK = 4000
local function newledger()
return { version = 0, accounts = {} }
end
local function newaccount()
return {
first = 0,
foreign = 0,
foreignbefore = 0,
published = 0,
publishedbefore = 0,
reset = 0,
publishedreset = 0,
publishedat = 0,
ends = 0,
parts = {},
}
end
local function unpackall(text, count)
if count <= CHUNK then
return { unpacked(format('>%s', rep('d', count)), text) }
end
local numbers = {}
for from = 0, count - 1, CHUNK do
local size = min(CHUNK, count - from)
local chunk = { unpacked(format('>%s', rep('d', size)), text, from * DOUBLES + 1) }
for i = 1, size do
numbers[from + i] = chunk[i]
end
end
return numbers
end
local function packall(numbers)
local texts = {}
for from = 1, #numbers, CHUNK do
local to = min(#numbers, from + CHUNK - 1)
texts[#texts + 1] = pack(format('>%s', rep('d', to - from + 1)), unpack(numbers, from, to))
end
return table.concat(texts)
end
local function decodeledger(text)
local ledger = newledger()
local count = text and #text / DOUBLES or 0
if count < 2 or count % 1 ~= 0 then
return ledger
end
local numbers = unpackall(text, count)
if numbers[1] ~= FORMAT then
return ledger
end
ledger.version = numbers[2]
local at = 3
while at + 10 <= count do
local account = newaccount()
local id = numbers[at]
account.first, account.foreign, account.foreignbefore = numbers[at + 1], numbers[at + 2], numbers[at + 3]
account.published, account.publishedbefore = numbers[at + 4], numbers[at + 5]
account.reset, account.publishedreset, account.publishedat = numbers[at + 6], numbers[at + 7], numbers[at + 8]
account.ends = numbers[at + 9]
local parts = numbers[at + 10]
at = at + 11
for _ = 1, parts do
account.parts[numbers[at]] = {
version = numbers[at + 1],
first = numbers[at + 2],
units = numbers[at + 3],
before = numbers[at + 4],
at = numbers[at + 5],
}
at = at + 6
end
if account.ends >= micros then
ledger.accounts[id] = account
end
end
return ledger
end
local function append(list, ...)
for i = 1, select('#', ...) do
list[#list + 1] = (select(i, ...))
end
end
local function encodeledger(ledger)
local numbers = { FORMAT, ledger.version }
local latest = 0
for id, account in pairs(ledger.accounts) do
if account.ends >= micros then
latest = max(latest, account.ends)
append(numbers, id, account.first, account.foreign, account.foreignbefore, account.published, account.publishedbefore)
append(numbers, account.reset, account.publishedreset, account.publishedat, account.ends, 0)
local count = #numbers
for region, part in pairs(account.parts) do
numbers[count] = numbers[count] + 1
append(numbers, region, part.version, part.first, part.units, part.before, part.at)
end
end
end
return packall(numbers), latest
end
local function writeledger(key, ledger)
local text, latest = encodeledger(ledger)
if latest == 0 then
return errorof(redis.pcall('DEL', key))
end
return setwithexpiry(key, text, expiryof(latest))
end
local function writevalue(key, entries)
prune(entries, nil, function()
return false
end)
if #entries == 0 then
return errorof(redis.pcall('DEL', key))
end
return setwithexpiry(key, encodevalue(entries), expiryof(latestof(entries)))
end
local function readentry(entries, id)
local at = find(entries, id, 1)
if not at then
return nil
end
return { entries[at + 1], entries[at + 2], entries[at + 3] }
end
local function writeentry(entries, id, numbers)
local at = find(entries, id, 1)
if numbers then
at = at or #entries + 1
entries[at], entries[at + 1], entries[at + 2], entries[at + 3] = id, numbers[1], numbers[2], numbers[3]
elseif at then
remove(entries, at)
end
end`

const regionStates = String.raw`local function readkeys(first, last)
local texts = {}
for i, text in ipairs(redis.call('MGET', unpack(KEYS, first, last))) do
texts[first + i - 1] = text
end
return texts
end
local nextkey = 1
local function openstates(packs, limits, texts)
local first = nextkey
nextkey = first + 2 + 2 * #packs
texts = texts or readkeys(first, nextkey - 1)
local states = {
valuekey = KEYS[first],
ledgerkey = KEYS[first + 1],
hasvalue = limits > #packs,
entries = texts[first] and decodevalue(texts[first]) or {},
ledger = decodeledger(texts[first + 1]),
packed = {},
}
for i, place in ipairs(packs) do
local id, at = place[1], first + 2 * i
local entry, value = packed.read(KEYS[at], place[2], place[3], place[4])
local ledger = decodeledger(texts[at + 1])
states.packed[i] = { id = id, entry = entry, ledgerkey = KEYS[at + 1] }
states.ledger.accounts[id] = ledger.accounts[id]
states.ledger.version = max(states.ledger.version, ledger.version)
if value then
local _, ends, count, before = unpacked(ENTRY, value)
writeentry(states.entries, id, { ends, count, before })
end
end
return states
end
local function writepacked(entry, numbers)
if not numbers then
return not entry.isnew and packed.remove(entry) or nil
end
return packed.prepare(entry, numbers[1], false) or packed.write(entry, numbers[1], numbers[2], numbers[3])
end
local function writestates(states)
for _, each in ipairs(states.packed) do
local err = writepacked(each.entry, readentry(states.entries, each.id))
if err then
return err
end
writeentry(states.entries, each.id, nil)
end
return states.hasvalue and writevalue(states.valuekey, states.entries) or nil
end
local function writeledgers(states)
local ledger = states.ledger
for _, each in ipairs(states.packed) do
local err = writeledger(each.ledgerkey, { version = ledger.version, accounts = { [each.id] = ledger.accounts[each.id] } })
if err then
return err
end
ledger.accounts[each.id] = nil
end
return states.hasvalue and writeledger(states.ledgerkey, ledger) or nil
end`

const regionWindows = String.raw`local MAXAHEADOFREGION = 60000
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
local function moveaccount(shape, account, ends)
if account.first >= ends then
account.first = ends
return
end
local isnext = shape[1] == 's' and account.first == ends - shape[5] * 1000
account.foreignbefore, account.publishedbefore = isnext and account.foreign or 0, isnext and account.published or 0
account.first, account.foreign, account.published = ends, 0, 0
end
local function movewindow(shape, window, ends)
if ends <= window.ends then
return
end
local isnext = shape[1] == 's' and ends == window.ends + shape[5] * 1000
window.before = isnext and max(0, window.count) or 0
window.ends, window.count = ends, 0
moveaccount(shape, window.account, ends)
end
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
local function resetin(shape, ends, reset)
return reset >= windowstart(shape, ends) * 1000 and reset or 0
end
local function resetsince(shape, window)
return resetin(shape, shape[1] == 's' and window.ends - shape[5] * 1000 or window.ends, window.account.reset)
end
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
local function unitsin(shape, first, units, before, ends)
if first == ends then
return units
elseif shape[1] == 's' and first == ends + shape[5] * 1000 then
return before
end
return first > ends and 0 or nil
end
local function differencein(shape, window, part, record, ends, recordends)
local known = part and unitsin(shape, part.first, part.units, part.before, ends) or 0
local isold = resetin(shape, ends, record.reset) < resetin(shape, ends, window.account.reset)
local units = not isold and unitsin(shape, recordends, record.units, record.before, ends) or known
return units - known, units
end
local function newlyover(before, after, most)
return max(0, max(0, after - most) - max(0, before - most))
end
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
end`

const regionBuckets = String.raw`local function missingof(shape, state)
if not state or state[1] < micros then
return 0, 0
elseif state[2] == 0 or state[3] == shape[4] then
return state[1] - micros, state[2]
end
return state[1] - micros + 1, 0
end
local function missingunits(shape, state)
local missing, rest = missingof(shape, state)
local n, p = shape[4], shape[5]
if missing > MAX / (2 * n) then
return math.ceil(missing / (p / n))
end
return math.ceil((missing * n + rest) / p)
end
local function owntaken(taken)
if not taken or taken[1] < micros then
return 0, 0
end
return taken[2], taken[3]
end
local function resetwithin(reset, keep)
return reset > micros - keep and reset or 0
end
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
end`

const regionOwn = String.raw`local abs = math.abs
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
end`

const regionCollect = String.raw`local AGAIN = 10000000
local request = cjson.decode(ARGV[1])
local numbers = request[1]
local terms = { interval = numbers[1], urgent = numbers[2], minimum = numbers[3], keep = numbers[4], regions = numbers[5] }
local texts = readkeys(1, #KEYS)
local replies = { micros, '' }
local function isdue(list, shapes, accounts)
local oldest, oldestchange, isurgent = math.huge, math.huge, false
for i, own in ipairs(list) do
local shape = shapes[i]
oldest = min(oldest, accounts[i].publishedat)
oldestchange = own.ischanged and min(oldestchange, accounts[i].publishedat) or oldestchange
isurgent = isurgent or own.unpublished >= terms.urgent * (shape[6] == 0 and shape[4] or shape[6])
end
if oldestchange == math.huge then
return micros - oldest >= AGAIN, 0
end
return micros - oldestchange >= terms.interval / 2 or isurgent, 1
end
local function collect(subject)
local states = openstates(subject[2], #subject - 2, texts)
local entries, ledger = states.entries, states.ledger
local list, shapes, accounts, indexes = {}, {}, {}, {}
local islarge = false
for i = 3, #subject do
local shape = subject[i]
local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
local own = ownof(shape, entries, account, terms)
if not own.isempty then
list[#list + 1], shapes[#shapes + 1], accounts[#accounts + 1], indexes[#indexes + 1] = own, shape, account, i - 2
islarge = islarge or not own.issmall
end
end
if not islarge then
return { 0 }
end
if subject[1] ~= 1 then
local due, result = isdue(list, shapes, accounts)
if not due then
return { result }
end
end
ledger.version = max(ledger.version + 1, micros)
local reply = { 2, ledger.version }
for i, own in ipairs(list) do
local account = accounts[i]
account.published, account.publishedbefore, account.publishedreset = own.units, shapes[i][1] == 'b' and account.publishedbefore or own.before, own.reset
account.publishedat = micros
ledger.accounts[shapes[i][2]] = account
reply[#reply + 1] = { indexes[i], own.reset, own.start, own.units, own.before }
end
return reply, writeledgers(states)
end
for i = 2, #request do
local reply, err = collect(request[i])
if err then
replies[2] = err
break
end
replies[#replies + 1] = reply
end
return replies`

const regionApply = String.raw`local request = cjson.decode(ARGV[1])
local numbers, region, sentat = request[1], request[2], request[3]
local terms = { interval = numbers[1], urgent = numbers[2], minimum = numbers[3], keep = numbers[4], regions = numbers[5] }
local replies = { micros, '' }
local function applyentry(item, entries, ledger, version)
local shape = item[1]
local record = { reset = item[2], start = item[3], units = item[4], before = item[5] }
local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
local last = account.parts[region]
if last and version <= last.version then
return { result = 'old' }
end
local source = { region = region, version = version, at = sentat }
local state = readentry(entries, shape[2])
local result, wait, after, over, forgiven, taken
if shape[1] == 'b' then
result, wait, after, over, forgiven, taken = applybucket(shape, state, readentry(entries, shape[3]), account, record, source, terms)
else
result, wait, after, over, forgiven = applywindow(shape, state, account, record, source)
end
return { shape = shape, result = result, wait = wait, after = after, over = over, forgiven = forgiven, taken = taken, account = account }
end
local function apply(record)
local states = openstates(record[2], #record - 2)
local entries, ledger = states.entries, states.ledger
local applied, isold, wait = {}, true, 0
for i = 3, #record do
local each = applyentry(record[i], entries, ledger, record[1])
isold = isold and each.result == 'old'
wait = each.result == 'early' and max(wait, each.wait) or wait
applied[#applied + 1] = each
end
if wait > 0 then
return { 1, wait, 0, 0, 0, 0, 0 }
elseif isold then
return { 0, 0, 0, 0, 0, 0, 0 }
end
local late, ahead, over, forgiven, isdone = 0, 0, 0, 0, false
for _, each in ipairs(applied) do
if each.result == 'done' then
isdone = true
writeentry(entries, each.shape[2], each.after)
if each.shape[1] == 'b' then
writeentry(entries, each.shape[3], each.taken)
end
ledger.accounts[each.shape[2]] = each.account
over, forgiven = over + each.over, forgiven + each.forgiven
end
late = late + (each.result == 'late' and 1 or 0)
ahead = ahead + (each.result == 'ahead' and 1 or 0)
end
local unpublished = 0
for i = 3, #record do
local shape = record[i][1]
local account = copyaccount(ledger.accounts[shape[2]] or newaccount())
unpublished = ownof(shape, entries, account, terms).ischanged and 1 or unpublished
end
local err = isdone and (writestates(states) or writeledgers(states)) or nil
return { 2, 0, late, ahead, over, forgiven, unpublished }, err
end
for i = 4, #request do
local reply, err = apply(request[i])
if err then
replies[2] = err
break
end
replies[#replies + 1] = reply
end
return replies`

const regionReset = String.raw`local request = cjson.decode(ARGV[1])
local keep = request[1]
local texts = readkeys(1, #KEYS)
local function resetaccount(shape, entries, known)
local account, later = newaccount(), max(micros, known.reset + 1)
for region, part in pairs(known.parts) do
account.parts[region] = { version = part.version, first = 0, units = 0, before = 0, at = 0 }
end
account.reset, account.publishedreset = later, known.publishedreset
if shape[1] == 'b' then
account.ends = micros + 2 * keep
else
account.first = windowof(shape, readentry(entries, shape[2]), known).ends
account.ends = account.first + shape[5] * 1000
end
return account
end
local function reset(subject)
local states = openstates(subject[1], #subject - 1, texts)
local entries, ledger = states.entries, states.ledger
for i = 2, #subject do
local id = subject[i][2]
ledger.accounts[id] = resetaccount(subject[i], entries, ledger.accounts[id] or newaccount())
end
for i = 2, #subject do
local shape = subject[i]
writeentry(entries, shape[2], nil)
if shape[1] == 'b' then
writeentry(entries, shape[3], nil)
end
end
return writestates(states) or writeledgers(states)
end
for i = 2, #request do
local err = reset(request[i])
if err then
return { micros, err }
end
end
return { micros, '' }`

const regionTransfer = String.raw`local FIRSTPAUSE, LONGESTPAUSE, LEAST, LOW = 300000, 1 / 32, 1 / 16, 1 / 4
local MOSTTRANSFERS = 255
local request = cjson.decode(ARGV[1])
local operation, shape, regions = request[1], request[2], request[3]
local kind, id, quantity, length = shape[1], shape[2], shape[4], shape[5]
local texts = redis.call('MGET', KEYS[1], KEYS[2])
local entries, transfers = texts[1] and decodevalue(texts[1]) or {}, texts[2] and decodevalue(texts[2]) or {}
local function openwindow()
local current = currentuntil(shape)
if current == 0 then
return nil
end
local state = readentry(entries, id)
local ends, count, before = current, 0, 0
if state and state[1] >= current then
ends, count, before = state[1], state[2], state[3]
elseif state and kind == 's' and state[1] >= current - length * 1000 then
before = max(0, state[2])
end
local left = max(0, min(length, windowstart(shape, ends) + length - ms))
return { ends = ends, count = count, before = before }, count + (kind == 's' and cdiv(before * left, length) or 0)
end
local window, taken = openwindow()
if not window then
return { micros, '', 0 }
end
local kept = window.ends + length * 1000
local function transferof(name)
local numbers = readentry(transfers, name)
if not numbers or numbers[1] ~= kept then
return nil, nil
end
return numbers[2], numbers[3]
end
local function totals()
local got, donated = 0, 0
for _, region in ipairs(regions) do
local came, went = transferof(region[1])
got, donated = got + (came or 0), donated + (went or 0)
end
return got, donated
end
local function writecount(count)
writeentry(entries, id, { window.ends, count, window.before })
return writevalue(KEYS[1], entries)
end
local function writetransfers()
for at = #transfers - 3, 1, -4 do
if transfers[at + 1] < micros then
remove(transfers, at)
end
end
if #transfers > 4 * MOSTTRANSFERS then
return 'a policy has too many strict limits for so many regions'
end
return setwithexpiry(KEYS[2], encodevalue(transfers), expiryof(latestof(transfers)))
end
local operations = {}
function operations.need(rights, cost)
local got, donated = totals()
local effective, free = rights + got - donated, rights - taken
local isheld, list = 0, {}
for i, region in ipairs(regions) do
list[i] = transferof(region[1]) or 0
isheld = (transferof(region[2]) or 1) > 0 and 1 or isheld
end
local asked, pause = transferof(id)
asked, pause = asked or 0, pause or FIRSTPAUSE
local isenough = cost <= free
if cost == 0 then
isenough = free > effective * LOW
end
if isenough or micros < asked + pause then
return nil, 0, window.ends, 0, effective, isheld, unpack(list, 1, #list)
end
local want = max(cost - free, math.ceil(effective / 2) - max(0, free), math.ceil(quantity * LEAST), 1)
local longest = max(FIRSTPAUSE, floor(length * LONGESTPAUSE) * 1000)
writeentry(transfers, id, { kept, micros, asked == 0 and FIRSTPAUSE or min(2 * pause, longest) })
return writetransfers(), 1, window.ends, want, effective, isheld, unpack(list, 1, #list)
end
function operations.donate(place, rights, part, ends, want, got)
if ends ~= window.ends then
return nil, 0
end
local region = regions[place][1]
local came, known = transferof(region)
known = known or 0
local again = max(0, got - known)
local left = max(0, windowstart(shape, window.ends) + length - ms) / length
local spare = rights - taken - again - math.ceil(part * rights * min(1, left))
local donated = known + again
local units = max(0, min(want - (donated - got), math.ceil(spare / 2)))
local err = again + units > 0 and writecount(window.count + again + units) or nil
if not err then
writeentry(transfers, region, { kept, came or 0, donated + units })
err = writetransfers()
end
return err, 1, donated + units, max(0, spare - units)
end
function operations.accept(place, ends, total, free)
if ends ~= window.ends then
return nil, 0
end
local region = regions[place]
local known, donated = transferof(region[1])
known = known or 0
local got = max(known, total)
writeentry(transfers, region[1], { kept, got, donated or 0 })
writeentry(transfers, region[2], { kept, free, 0 })
local asked = transferof(id)
if free > 0 and asked then
writeentry(transfers, id, { kept, asked, FIRSTPAUSE })
end
local err = writetransfers()
if not err and got > known then
err = writecount(window.count - (got - known))
end
return err, 1
end
function operations.reset()
local got, donated = totals()
local used = max(0, window.count - donated + got, window.before)
window.before = 0
return writecount(donated - got), used
end
local reply = { operations[operation](unpack(request, 4, #request)) }
return { micros, reply[1] or '', unpack(reply, 2, 8 + #regions) }`

const regionStream = String.raw`local stream = KEYS[1]
local action, group, consumer = ARGV[1], ARGV[2], ARGV[3]
local COUNT = 100
local reply = { '' }
local function errorIn(result)
return type(result) == 'table' and result.err
end
local function add(entries)
local last
for _, entry in ipairs(entries) do
if entry then
last = entry[1]
if entry[2] then
reply[#reply + 1] = entry[1]
reply[#reply + 1] = entry[2][2]
else
redis.pcall('XACK', stream, group, entry[1])
end
end
end
return last
end
local function read(from)
local read = redis.pcall('XREADGROUP', 'GROUP', group, consumer, 'COUNT', COUNT, 'STREAMS', stream, from)
if errorIn(read) then
return read
end
local entries = read and read[1] and read[1][2] or {}
local last = add(entries)
if from ~= '>' and #entries == COUNT then
reply[1] = last
end
return reply
end
if action == 'open' then
local made = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
if errorIn(made) and not string.find(made.err, 'BUSYGROUP', 1, true) then
return made
end
local consumers = redis.pcall('XINFO', 'CONSUMERS', stream, group)
for _, fields in ipairs(consumers) do
local of = {}
for i = 1, #fields, 2 do
of[fields[i]] = fields[i + 1]
end
if of.pending == 0 and of.idle > tonumber(ARGV[4]) then
redis.pcall('XGROUP', 'DELCONSUMER', stream, group, of.name)
end
end
return reply
end
if action == 'own' then
return read(ARGV[4])
end
if action == 'new' then
return read('>')
end
if action == 'leave' then
local pending = redis.pcall('XPENDING', stream, group, '-', '+', 1, consumer)
if not errorIn(pending) and #pending == 0 then
redis.pcall('XGROUP', 'DELCONSUMER', stream, group, consumer)
end
return reply
end
if #ARGV > 5 then
local command = { 'XCLAIM', stream, group, consumer, 0 }
for i = 6, #ARGV do
command[#command + 1] = ARGV[i]
end
command[#command + 1] = 'JUSTID'
local kept = redis.pcall(unpack(command, 1, #command))
if errorIn(kept) then
return kept
end
end
local claimed = redis.pcall('XAUTOCLAIM', stream, group, consumer, ARGV[5], ARGV[4], 'COUNT', COUNT)
if errorIn(claimed) then
return claimed
end
add(claimed[2])
for _, entry in ipairs(claimed[2]) do
if not entry then
local own = read('0')
if errorIn(own) then
return own
end
break
end
end
reply[1] = claimed[1] == '0-0' and '' or claimed[1]
return reply`

const regionBook = String.raw`local time = redis.call('TIME')
local fields = redis.call('HGETALL', KEYS[1])
if ARGV[1] == 'resend' and #fields > 0 then
local written = redis.pcall('HSET', KEYS[1], 'asked', '0')
if type(written) == 'table' and written.err then
return written
end
end
local reply = { string.format('%.0f', math.floor(time[1] * 1000 + time[2] / 1000)) }
for _, field in ipairs(fields) do
reply[#reply + 1] = field
end
return reply`

const regionHeartbeat = String.raw`local DUE = 0.75
local format, match, sub = string.format, string.match, string.sub
local key = KEYS[1]
local request = cjson.decode(ARGV[1])
local self, all, reads, asked = request[1], request[2], request[3], request[4]
local every, silence, keep, own = request[5], request[6], request[7], request[8]
local ms = math.floor(now() / 1000)
local function read()
local fields, list = {}, redis.call('HGETALL', key)
for i = 1, #list, 2 do
fields[list[i]] = list[i + 1]
end
return fields
end
local function text(number)
return format('%.0f', number)
end
local fields = read()
local changed = {}
local function listof(joined)
local list, set = {}, {}
for name in string.gmatch(joined, '[^,]+') do
list[#list + 1], set[name] = name, true
end
return list, set
end
local function mergedall()
local known, isknown = listof(fields.all)
local given, isgiven = listof(all)
for _, name in ipairs(given) do
if not isknown[name] then
known[#known + 1] = name
end
end
local common = {}
for _, name in ipairs(known) do
if isgiven[name] then
common[#common + 1] = name
end
end
return table.concat(known, ','), table.concat(common, ',') == all
end
local function set(name, value)
if fields[name] ~= value then
changed[#changed + 1], changed[#changed + 2] = name, value
fields[name] = value
end
end
if not fields.self then
set('self', self)
set('all', all)
set('since', text(ms))
set('called', text(ms))
set('beat', '0')
set('asked', '0')
end
local merged, isinorder = mergedall()
if fields.self ~= self or not isinorder then
return { ms, 0, 0, 'self', fields.self, 'all', fields.all }
end
local function promise(version, from, shares)
for name in pairs(fields) do
local other = tonumber(match(name, '^t:(%d+)$'))
if other and other >= version then
return
end
end
if from >= ms + keep then
set(format('t:%.0f', version), format('%.0f %s', from, shares))
end
end
local due = ms - tonumber(fields.beat) >= DUE * every
set('all', merged)
if ms - tonumber(fields.called) > silence then
set('since', text(ms))
end
set('called', text(ms))
if due then
set('beat', text(ms))
end
if asked == 1 then
set('asked', '1')
end
set(format('r:%.0f', reads), text(ms))
if own[1] then
promise(own[1], own[2], own[3])
end
for i = 9, #request do
local region, age, lag, otherreads, versions, promised = unpack(request[i], 1, 6)
local name = format('p:%s', region)
local heardat, _, knownreads = match(fields[name] or '0 0 0', '^(%d+) (%d+) (%d+)$')
heardat = math.max(tonumber(heardat or 0), ms - age)
set(name, format('%.0f %.0f %s', heardat, lag, otherreads == 0 and knownreads or text(otherreads)))
for _, version in ipairs(versions) do
set(format('h:%s:%.0f', region, version), '1')
end
for _, given in ipairs(promised) do
local field = format('t:%.0f', given[1])
if not fields[field] then
set(field, format('%.0f %s', given[2], given[3]))
end
end
end
local ended = {}
for name, value in pairs(fields) do
if sub(name, 1, 2) == 'r:' and tonumber(value) <= ms - keep then
ended[#ended + 1] = name
end
end
for from = 1, #changed, 1000 do
local written = redis.pcall('HSET', key, unpack(changed, from, math.min(#changed, from + 999)))
if type(written) == 'table' and written.err then
return written
end
end
for _, name in ipairs(ended) do
redis.pcall('HDEL', key, name)
end
local reply = { ms, 1, due and 1 or 0 }
for name, value in pairs(fields) do
if sub(name, 1, 2) ~= 'r:' or tonumber(value) > ms - keep then
reply[#reply + 1], reply[#reply + 2] = name, value
end
end
return reply`

const instances = String.raw`local rows, seen = KEYS[1], KEYS[2]
local id, row, life = ARGV[1], ARGV[2], tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local function failed(reply)
return type(reply) == 'table' and reply.err
end
if id ~= '' and row == '' then
redis.pcall('ZREM', seen, id)
redis.pcall('HDEL', rows, id)
elseif id ~= '' then
local written = redis.pcall('HSET', rows, id, row)
if failed(written) then
return written
end
written = redis.pcall('ZADD', seen, now, id)
if failed(written) then
return written
end
end
if id ~= '' then
local ended = redis.call('ZRANGEBYSCORE', seen, '-inf', now - life)
for i = 1, #ended do
redis.pcall('ZREM', seen, ended[i])
redis.pcall('HDEL', rows, ended[i])
end
redis.pcall('PEXPIRE', rows, life)
redis.pcall('PEXPIRE', seen, life)
end
local live = redis.call('ZRANGEBYSCORE', seen, string.format('(%.0f', now - life), '+inf', 'WITHSCORES')
local reply = {}
for i = 1, #live, 2 do
reply[#reply + 1] = live[i]
reply[#reply + 1] = live[i + 1]
reply[#reply + 1] = redis.call('HMGET', rows, live[i])[1] or ''
end
return reply`

const journal = String.raw`local stream, text = KEYS[1], ARGV[1]
if text ~= '' then
local id = redis.pcall('XADD', stream, 'MAXLEN', '~', ARGV[2], '*', 'entry', text)
if type(id) == 'table' and id.err then
return id
end
return { id }
end
local reply = {}
for _, entry in ipairs(redis.call('XREVRANGE', stream, ARGV[3], '-', 'COUNT', ARGV[4])) do
reply[#reply + 1] = entry[1]
reply[#reply + 1] = entry[2][2]
end
return reply`

const algorithms = String.raw`local algorithms = {}
local function newstate(isadmitted, first, second, third)
return isadmitted, first and { first, second, third } or nil
end
local function integer(text)
local n = tonumber(text)
if n == nil or n < -MAX or n > MAX or n ~= floor(n) then
return nil
end
return n
end`

const fixedWindow = String.raw`algorithms.f = { isentry = true }
function algorithms.f.isready(limit)
return not limit[9]
end
function algorithms.f.available(limit, state)
local quantity = limit[3]
local _, count = rolledfixed(limit, state[1], state[2])
return min(limit[12] or quantity, max(0, quantity - count))
end
function algorithms.f.charge(limit, state, cost, _, isforced)
if exceeds(limit, cost, isforced) then
return false
end
return newstate(chargefixed(limit, state[1], state[2], state[3], cost, isforced))
end
function algorithms.f.giveback(limit, state, units, receipt)
local finish, count = rolledfixed(limit, state[1], state[2])
local takenuntil, taken = receipt[1], receipt[2]
local back = takenuntil == finish and min(units, taken, mostback(limit, count, true, MAX)) or 0
if not takenuntil then
back = min(units, mostback(limit, count, false, MAX))
end
if back < 1 then
return nil
end
return { finish, count - back, 0 }, back
end`

const slidingWindow = String.raw`algorithms.s = { isentry = true }
function algorithms.s.available(limit, state)
local quantity = limit[3]
local finish, count, previous = rolledsliding(limit, state[1], state[2], state[3])
return min(limit[12] or quantity, max(0, quantity - count - weightof(limit, finish, previous)))
end
function algorithms.s.charge(limit, state, cost, _, isforced)
if exceeds(limit, cost, isforced) then
return false
end
return newstate(chargesliding(limit, state[1], state[2], state[3], cost, isforced))
end
function algorithms.s.giveback(limit, state, units, receipt)
local window = limit[4]
local finish, count, previous = rolledsliding(limit, state[1], state[2], state[3])
local takenuntil, taken = receipt[1], receipt[2]
local most = min(units, taken or MAX)
local fromcount = (not takenuntil or takenuntil == finish) and min(most, mostback(limit, count, takenuntil ~= nil, fdiv(MAX, window))) or 0
local fromprevious = takenuntil == finish - window * 1000 and min(most, previous) or 0
if not takenuntil then
fromprevious = limit[12] and 0 or min(most - fromcount, previous)
end
if fromcount + fromprevious < 1 then
return nil
end
return { finish, count - fromcount, previous - fromprevious }, fromcount + fromprevious
end`

const bucket = String.raw`algorithms.b = { isentry = true }
function algorithms.b.available(limit, state)
local tokens, period, burst = limit[3], limit[4], limit[5]
local missing, rest = deficitof(limit, state[1], state[2], state[3])
local capacity = burst * period
if missing > fdiv(capacity, tokens) then
return 0
end
return fdiv(max(0, capacity - missing * tokens - rest), period)
end
function algorithms.b.charge(limit, state, cost, _, isforced)
return newstate(chargebucket(limit, state[1], state[2], state[3], cost, isforced))
end
local function islastinqueue(limit, missing, rest, receipt)
local tokens, period = limit[3], limit[4]
local taken, full, remainder, takentokens, takenperiod = receipt[1], receipt[2], receipt[3], receipt[4], receipt[5]
if full ~= micros + missing or remainder ~= rest or takentokens ~= tokens or takenperiod ~= period then
return false
end
local credits = taken * period
return missing > fdiv(credits, tokens) or missing * tokens + rest > credits
end
function algorithms.b.giveback(limit, state, units, receipt)
local tokens, period, queue = limit[3], limit[4], limit[7]
local missing, rest = deficitof(limit, state[1], state[2], state[3])
local taken = receipt[1]
if queue == 1 and not islastinqueue(limit, missing, rest, receipt) then
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
return { micros, 0, 0 }, fdiv(missing * tokens + rest, period)
end
return { micros + missingafter, restafter, restafter > 0 and tokens or 0 }, back
end
local function unitsbetween(limit, before, after)
local tokens, period = limit[3], limit[4]
local missing, rest = deficitof(limit, before[1], before[2], before[3])
local missingafter, restafter = deficitof(limit, after[1], after[2], after[3])
return fdiv((missingafter - missing) * tokens + restafter - rest, period)
end
function algorithms.b.taken(limit, taken, units, before, after)
if units > 0 then
units = unitsbetween(limit, before, after)
end
local finish, count, birth = taken[1], taken[2], taken[3]
if not finish or finish < micros then
if units == 0 then
return nil
end
count, birth = 0, micros
end
return { max(after[1], micros) + limit[9], count + units, birth }
end`

const slidingLog = String.raw`algorithms.l = {}
local HEAD, RECORD, MODULUS = 4, 16, 4294967296
local BULK = 64
local function timeat(text, i)
return (unpacked('>d', text, HEAD + RECORD * i - 15))
end
local function totalat(text, i)
return (unpacked('>I4', text, i == 0 and 1 or HEAD + RECORD * i - 7))
end
local function idat(text, i)
return (unpacked('>I4', text, HEAD + RECORD * i - 3))
end
local function records(text, first, last)
return string.sub(text, HEAD + RECORD * first - 15, HEAD + RECORD * last)
end
local function unitsof(text, first, last)
return (totalat(text, last) - totalat(text, first - 1)) % MODULUS
end
local function search(low, high, is)
while low <= high do
local middle = floor((low + high) / 2)
if is(middle) then
high = middle - 1
else
low = middle + 1
end
end
return low
end
function algorithms.l.decode(text)
local size = #text - HEAD
if size < RECORD or size % RECORD ~= 0 then
return nil
end
local oldest, newest = timeat(text, 1), timeat(text, size / RECORD)
return oldest >= 0 and newest >= oldest and newest <= MAX and text or nil
end
function algorithms.l.encode(text, limit)
local window = limit[4]
return text, cdiv(timeat(text, (#text - HEAD) / RECORD) + window, 1000)
end
local function readlog(text, limit)
local window = limit[4]
if not text then
return '', 1, 0, 0, 0
end
local count = (#text - HEAD) / RECORD
local nextid, last = idat(text, count) + 1, count
if totalat(text, count) == totalat(text, count - 1) then
last = count - 1
end
local first = 1
if last >= 1 and timeat(text, 1) <= micros - window then
first = search(2, last, function(i)
return timeat(text, i) > micros - window
end)
end
return text, first, last, first > last and 0 or unitsof(text, first, last), nextid
end
function algorithms.l.available(limit, state)
local quantity = limit[3]
local _, _, _, used = readlog(state, limit)
return max(0, quantity - used)
end
function algorithms.l.charge(limit, state, cost, _, isforced)
local quantity = limit[3]
local text, first, last, used, nextid = readlog(state, limit)
if used + cost > quantity and not isforced then
return false
end
local taken = min(cost, max(0, 2 * quantity - used))
if taken == 0 then
return true
end
if first > last then
return true, pack('>I4dI4I4', 0, micros, taken, nextid)
end
local record = pack('>dI4I4', max(micros, timeat(text, last)), (totalat(text, last) + taken) % MODULUS, nextid)
return true, table.concat({ pack('>I4', totalat(text, first - 1)), records(text, first, last), record })
end
local function findentry(text, first, last, receipt)
local takenat, takenid = receipt[1], receipt[2]
if type(takenid) ~= 'number' then
return nil
end
local i = search(first, last, function(j)
return idat(text, j) >= takenid
end)
return i <= last and idat(text, i) == takenid and timeat(text, i) == takenat and i or nil
end
local function shifted(text, first, last, more)
local pieces = {}
for from = first, last, BULK do
local count = min(BULK, last - from + 1)
local layout = format('>%s', rep('dI4I4', count))
local numbers = { unpacked(layout, text, HEAD + RECORD * from - 15) }
for i = 2, 3 * count, 3 do
numbers[i] = (numbers[i] + more) % MODULUS
end
pieces[#pieces + 1] = pack(layout, unpack(numbers, 1, 3 * count))
end
return table.concat(pieces)
end
local function entryat(text, first, last, units)
return search(first, last, function(i)
return unitsof(text, first, i) >= units
end)
end
local function withlastid(rest, time, nextid)
local count = (#rest - HEAD) / RECORD
if count > 0 and idat(rest, count) == nextid - 1 then
return rest
end
local newesttime = count > 0 and timeat(rest, count) or 0
return table.concat({ rest, pack('>dI4I4', max(time, newesttime), totalat(rest, count), nextid - 1) })
end
local function credit(text, first, last, used, nextid, units)
local back = min(units, used)
if back < 1 then
return nil
end
local base, left, kept = totalat(text, first - 1), used - back, ''
if left > 0 then
local newest = entryat(text, first, last, left)
local record = pack('>dI4I4', timeat(text, newest), (base + left) % MODULUS, idat(text, newest))
kept = table.concat({ records(text, first, newest - 1), record })
end
return withlastid(table.concat({ pack('>I4', base), kept }), timeat(text, last), nextid), back
end
function algorithms.l.giveback(limit, state, units, receipt)
local text, first, last, used, nextid = readlog(state, limit)
if receipt[1] == nil then
return credit(text, first, last, used, nextid, units)
end
local found = findentry(text, first, last, receipt)
if not found then
return nil
end
local taken, foundat = unitsof(text, found, found), timeat(text, found)
local back = min(units, taken)
local base, before, after = totalat(text, first - 1), records(text, first, found - 1), records(text, found + 1, last)
local total = totalat(text, found)
local own = ''
if found - first < last - found then
base, before = (base + back) % MODULUS, shifted(text, first, found - 1, back)
else
total, after = (total - back) % MODULUS, shifted(text, found + 1, last, -back)
end
if taken > back then
own = pack('>dI4I4', foundat, total, idat(text, found))
end
return withlastid(table.concat({ pack('>I4', base), before, own, after }), foundat, nextid)
end
local function thresholdsof(used, quantity, cost, atleast, back)
local afterwards = used + min(max(cost, 0), max(0, 2 * quantity - used))
local thresholds = { used - back + 1 - quantity }
for _, units in ipairs({ cost, atleast, 1 }) do
thresholds[#thresholds + 1] = used + units - quantity
thresholds[#thresholds + 1] = afterwards + units - quantity
end
return thresholds
end
local function boundsof(text, first, last, used, quantity, facts)
local found = findentry(text, first, last, facts.receipt)
local bounds = { first, last }
local back = 0
if found then
back = facts.cost < 0 and min(unitsof(text, found, found), -facts.cost) or 0
bounds[3], bounds[4], bounds[5] = max(first, found - 1), found, min(last, found + 1)
end
if facts.cost < 0 and facts.receipt[1] == nil and used > 0 then
back = min(used, -facts.cost)
bounds[3] = used > back and entryat(text, first, last, used - back) or nil
end
for _, threshold in ipairs(thresholdsof(used, quantity, facts.cost, facts.atleast, back)) do
if threshold > 0 and threshold <= used then
bounds[#bounds + 1] = entryat(text, first, last, threshold)
end
end
table.sort(bounds)
return bounds
end
function algorithms.l.toreply(limit, state, facts, isshared)
local quantity = limit[3]
local text, first, last, used, nextid = readlog(state, limit)
local reply = { nextid }
if first > last then
return reply
end
local bounds = {}
if isshared then
for i = first, last do
bounds[#bounds + 1] = i
end
else
bounds = boundsof(text, first, last, used, quantity, facts)
end
local from = first
for _, i in ipairs(bounds) do
if i >= from then
reply[#reply + 1] = timeat(text, i)
reply[#reply + 1] = unitsof(text, from, i)
reply[#reply + 1] = idat(text, i)
from = i + 1
end
end
return reply
end`

const concurrency = String.raw`algorithms.c = { renews = true, isset = true }
local MAXEXPIRED = 128
local function readset(...)
local reply = redis.pcall(...)
if errorof(reply) then
error(reply, 0)
end
return reply
end
local function readscores(reply)
for i = 2, #reply, 2 do
local expiry = integer(reply[i])
if not expiry then
return false
end
reply[i] = expiry
end
return true
end
local function newset(name, most, isforeign)
return { name = name, most = most, isforeign = isforeign, count = 0, head = {}, tail = {}, latest = 0, scores = {} }
end
function algorithms.c.read(name, most)
local head = redis.pcall('ZRANGE', name, '0', most - 1, 'WITHSCORES')
if errorof(head) then
if not match(errorof(head), 'WRONGTYPE') then
error(head, 0)
end
return newset(name, most, true)
end
local set = newset(name, most, false)
set.count = #head / 2
local earliest = integer(head[2])
if earliest and earliest <= micros then
local after = format('(%.0f', micros)
set.hasexpired = true
set.count = readset('ZCOUNT', name, after, '+inf')
head = readset('ZRANGE', name, after, '+inf', 'BYSCORE', 'LIMIT', '0', most, 'WITHSCORES')
elseif set.count == most then
set.count = readset('ZCARD', name)
end
set.head = head
if set.count > most then
set.tail = readset('ZRANGE', name, -most, '-1', 'WITHSCORES')
end
if not readscores(head) or not readscores(set.tail) then
return newset(name, most, true)
end
set.latest = set.tail[#set.tail] or head[#head] or 0
return set
end
local function setof(state)
return state.set or state
end
local function expiryofholder(state, id)
while state.set do
if state.id == id then
return state.expiry or nil
end
state = state.before
end
local expiry = state.scores[id]
if expiry == nil then
expiry = state.count > 0 and integer(readset('ZSCORE', state.name, id)) or false
state.scores[id] = expiry
end
return expiry and expiry > micros and expiry or nil
end
function algorithms.c.available(limit, state)
local quantity = limit[3]
return max(0, quantity - state.count)
end
function algorithms.c.charge(limit, state, cost, facts, isforced)
local quantity, ttl = limit[3], limit[4]
local renewed, count = facts.receipt[1], state.count
local id = renewed or facts.holder
local isheld = cost > 0 and expiryofholder(state, id) ~= nil
if not isforced and not isheld and (cost > 0 and renewed or count + cost > quantity) then
return false
end
if cost == 0 or not renewed and (isheld or count >= 2 * quantity) then
return true
end
return true, { set = setof(state), count = isheld and count or count + 1, id = id, expiry = micros + ttl, before = state }
end
function algorithms.c.giveback(_, state, _, receipt)
local id = receipt[1]
if not expiryofholder(state, id) then
return nil
end
return { set = setof(state), count = state.count - 1, id = id, expiry = false, before = state }
end
local function ismember(list, id)
for i = 1, #list, 2 do
if list[i] == id then
return true
end
end
return false
end
function algorithms.c.toreply(set, decision, key)
local head, tail, count = set.head, set.tail, set.count
if count == 0 then
return {}
end
local reply, length = { 0 }, 1
for i = 1, #head, 2 do
reply[i + 1], reply[i + 2] = head[i + 1], head[i]
length = i + 2
end
for i = max(1, #head + #tail - 2 * count + 1), #tail, 2 do
reply[length + 1], reply[length + 2] = tail[i + 1], tail[i]
length = length + 2
end
for i = 3, count > #head / 2 and #decision or 0 do
local charge = decision[i]
local id = charge[4][1] or charge[5]
local expiry = charge[2] == key and not ismember(head, id) and not ismember(tail, id) and expiryofholder(set, id)
if expiry then
reply[length + 1], reply[length + 2] = expiry, id
length = length + 2
end
end
reply[1] = count - (length - 1) / 2
return reply
end
local function changesof(state)
local changes = {}
while state.set do
if changes[state.id] == nil then
changes[state.id] = state.expiry
end
state = state.before
end
return changes
end
local function additionsof(state)
local set, arguments, added = state.set, {}, {}
local latest = set.latest
for id, expiry in pairs(changesof(state)) do
if expiry then
arguments[#arguments + 1] = format('%.0f', expiry)
arguments[#arguments + 1] = id
latest = max(latest, expiry)
if not set.scores[id] then
added[#added + 1] = id
end
end
end
return arguments, added, latest
end
local scoretexts = {}
function algorithms.c.add(state)
local set, id, expiry, err = state.set, state.id, state.expiry, nil
local latest = set.latest
if set.isforeign then
err = errorof(redis.pcall('DEL', set.name))
end
if state.before == set then
if not expiry then
state.added = {}
return err
end
local text = scoretexts[expiry] or format('%.0f', expiry)
scoretexts[expiry] = text
latest = max(latest, expiry)
state.added = set.scores[id] and {} or { id }
err = err or errorof(redis.pcall('ZADD', set.name, text, id))
else
local arguments = nil
arguments, state.added, latest = additionsof(state)
if #arguments == 0 then
return err
end
err = err or errorof(redis.pcall('ZADD', set.name, unpack(arguments, 1, #arguments)))
end
local ends = cdiv(latest, 1000)
if not err and set.ends ~= ends then
err = errorof(expirehash(set.name, max(MINLIFETIME, ends - ms), ms, 0))
set.ends = ends
if err then
algorithms.c.undo(state)
end
end
return err
end
function algorithms.c.undo(state)
local set, added, removed = state.set, state.added or {}, state.removed or {}
if #added > 0 then
redis.pcall('ZREM', set.name, unpack(added, 1, #added))
end
for _, id in ipairs(removed) do
redis.pcall('ZADD', set.name, format('%.0f', set.scores[id]), id)
end
state.added, state.removed = nil, nil
end
function algorithms.c.remove(state)
local set, ids, removed = state.set, {}, {}
if state.before ~= set or not state.expiry or set.hasexpired then
local changes = changesof(state)
for id, expiry in pairs(changes) do
if not expiry then
ids[#ids + 1] = id
removed[#removed + 1] = set.scores[id] and id or nil
end
end
local expired = set.hasexpired
and redis.pcall('ZRANGE', set.name, '-inf', format('%.0f', micros), 'BYSCORE', 'LIMIT', '0', MAXEXPIRED)
or {}
for i = 1, errorof(expired) and 0 or #expired do
if changes[expired[i]] == nil then
ids[#ids + 1] = expired[i]
end
end
end
local err = #ids > 0 and errorof(redis.pcall('ZREM', set.name, unpack(ids, 1, #ids))) or nil
state.removed = not err and removed or nil
return err
end
function algorithms.c.written(state)
local set, id, expiry = state.set, state.id, state.expiry
local head, tail = set.head, set.tail
local isknown = state.before == set and not set.hasexpired and not set.isforeign and state.count > set.most and #tail > 0
if not isknown or ismember(head, id) or ismember(tail, id) or expiry and expiry < set.latest then
return nil
end
if expiry then
local length = #tail
for i = 1, length - 2 do
tail[i] = tail[i + 2]
end
tail[length - 1], tail[length] = id, expiry
set.latest = expiry
end
set.scores[id], set.count = expiry, state.count
return set
end`

const leases = String.raw`local leases = {}
function leases.read(ledger, terms)
local finish, granted, previous = ledger[1] or 0, ledger[2] or 0, ledger[3] or 0
local ttl = terms[2]
local current, ends = (fdiv(micros, ttl) + 2) * ttl, cdiv(finish, ttl) * ttl
if ends < current - ttl then
return { current, 0, 0 }
end
if ends < current then
return { current, 0, granted }
end
return { ends, granted, previous }
end
function leases.most(ledger, terms, cost)
if cost > 0 then
local granted, previous, ceiling = ledger[2], ledger[3], terms[3]
return max(0, ceiling - granted - previous)
end
local ttl, since = terms[2], terms[3]
local age = micros - since
return age >= 0 and age <= ttl and -cost or 0
end
function leases.count(ledger, terms, units)
local finish, granted, previous = ledger[1], ledger[2], ledger[3]
if units > 0 then
return { finish, min(MAX, granted + units), previous }
end
local ttl, since = terms[2], terms[3]
local grantedin, epoch = fdiv(since, ttl), fdiv(finish, ttl) - 2
if grantedin == epoch then
return { finish, max(0, granted + units), previous }
end
if grantedin == epoch - 1 then
return { finish, granted, max(0, previous + units) }
end
return ledger
end`

const batch = String.raw`local FORCE, PEEK, RESET, SETBLOCK = 1, 2, 3, 4
local batch = cjson.decode(ARGV[1])
local limits, decisions, setcount, buckets = batch[1], batch[2], batch[3], batch[4] or { 0 }
local values, entries = packed.open(buckets, setcount)
local blocks = {}
for number, entry in pairs(entries) do
local text = entry.bucket.hasblocks and values[number]
if text and unpacked('>I4', text) == BLOCK then
local _, finish = unpacked('>I4d', text)
blocks[number] = finish
values[number] = #text > SIZE and string.sub(text, SIZE + 1)
end
end
local lists, states, isdecoded = {}, {}, {}
local function listof(key)
if not lists[key] then
local text = values[key]
lists[key] = text and decodevalue(text) or {}
if text and not isvalue(text) then
values[key] = false
end
end
return lists[key]
end
local function stateof(key, algorithm)
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
local function openset(key, algorithm, charges)
local known = states[key]
if known and known.most > charges then
return known
end
local set = algorithm.read(KEYS[key], charges + 1)
if set.isforeign and not known then
unreadable = unreadable + 1
end
states[key] = set
return set
end
local function delete(key)
if entries[key] then
return packed.remove(entries[key])
end
return errorof(redis.pcall('DEL', KEYS[key]))
end
local function newchanges()
return { keys = {}, lists = {}, states = {} }
end
local function markchanged(changes, key, kind)
if not changes[kind][key] then
changes.keys[#changes.keys + 1] = key
end
end
local function changedlist(changes, key)
if not changes.lists[key] then
markchanged(changes, key, 'lists')
local copy = {}
for i, number in ipairs(listof(key)) do
copy[i] = number
end
changes.lists[key] = copy
end
return changes.lists[key]
end
local function entryof(changes, key, id, place)
local list = changes.lists[key] or listof(key)
local at = find(list, id, place)
return at and { list[at + 1], list[at + 2], list[at + 3] } or {}
end
local function setentry(changes, key, id, place, state)
local list = changedlist(changes, key)
local at = find(list, id, place) or #list + 1
list[at], list[at + 1], list[at + 2], list[at + 3] = id, state[1], state[2], state[3]
end
local function prepareentries(writes, issetting)
for _, write in ipairs(writes) do
local key, value = write[1], write[2]
local entry = value and entries[key]
local err = entry and packed.prepare(entry, lists[key][2], issetting) or nil
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
local err = entry and packed.write(entry, lists[key][2], lists[key][3], lists[key][4]) or nil
if err then
return err
end
end
return nil
end
local function changesets(writes)
for _, write in ipairs(writes) do
local set, algorithm = write[4], write[5]
local err = set and (algorithm.add(set) or algorithm.remove(set)) or nil
if err then
return err
end
end
return nil
end
local function setvalues(writes)
for _, write in ipairs(writes) do
local key, value, expiry = write[1], write[2], write[3]
local err = value and not entries[key] and setwithexpiry(KEYS[key], value, expiry) or nil
if err then
return err
end
end
return nil
end
local function endsets(writes, err)
for _, write in ipairs(writes) do
local key, set, algorithm = write[1], write[4], write[5]
if set and err then
algorithm.undo(set)
elseif set then
states[key] = algorithm.written(set)
end
end
return err
end
local function commit(writes)
local issetting, ispacking = false, false
for _, write in ipairs(writes) do
local key, value, set = write[1], write[2], write[4]
local err = not value and not set and delete(key) or nil
if err then
return err
end
issetting = issetting or set or value and not entries[key]
ispacking = ispacking or value and entries[key]
end
local err = ispacking and prepareentries(writes, issetting) or nil
if err then
return err
end
return endsets(writes, changesets(writes) or setvalues(writes) or ispacking and writeentries(writes) or nil)
end
local function isneeded(decision, id)
for i = 3, #decision do
local limit = limits[decision[i][1]]
if limit[2] == id or limit[1] == 'b' and limit[8] == id then
return true
end
end
return false
end
local function writeoflist(key, list, decision)
prune(list, decision, isneeded)
lists[key] = list
local value = #list > 0 and encodevalue(list)
values[key] = value
return { key, value, expiryof(latestof(list)) }
end
local function writeofstate(key, changed)
local state, limit = changed[1], changed[2]
local algorithm = algorithms[limit[1]]
if algorithm.isset then
return { key, false, 0, state, algorithm }
end
states[key] = state
local value, expiry = algorithm.encode(state, limit)
local islive = MINLIFETIME > 0 or expiry * 1000 > micros
return { key, islive and value, expiry }
end
local function writesof(changes, decision)
local writes = {}
for i, key in ipairs(changes.keys) do
local list = changes.lists[key]
writes[i] = list and writeoflist(key, list, decision) or writeofstate(key, changes.states[key])
end
return writes
end`

const blocks = String.raw`local hasblocks = next(blocks) ~= nil
for key = 1, #KEYS do
hasblocks = hasblocks or values[key] and string.byte(values[key]) == 255
end
local function blockat(key)
if entries[key] then
return blocks[key] or 0
end
return blockedby(listof(key))
end
local function blockof(charge)
local key, cost, receipt, blockkey = charge[2], charge[3], charge[4], charge[7]
if cost < 0 or receipt[1] ~= nil then
return 0
end
if blockkey then
return blockat(blockkey)
end
return algorithms[limits[charge[1]][1]].isentry and blockat(key) or 0
end
local function replyofblocked(decision)
if decision[1] == FORCE or decision[1] == RESET then
return nil
end
local isblocked = false
for i = 3, #decision do
isblocked = isblocked or blockof(decision[i]) > micros
end
if not isblocked then
return nil
end
local reply = { 2 }
for i = 3, #decision do
reply[i - 1] = blockof(decision[i])
end
return reply
end
local function listwithblock(changes, key, finish)
local list = changedlist(changes, key)
if list[1] == BLOCK then
remove(list, 1)
end
if finish then
for at, number in ipairs({ BLOCK, finish, 0, 0 }) do
table.insert(list, at, number)
end
end
return list
end
local function block(decision)
local changes, writes, reply = newchanges(), {}, { 1 }
hasblocks = true
for i = 3, #decision do
local key, millis = decision[i][2], decision[i][3]
local before, finish = blockat(key), millis > 0 and micros + millis * 1000 or nil
reply[i - 1] = before
if finish or millis == 0 and before > 0 then
if entries[key] then
local err = packed.block(entries[key], finish)
if err then
return reply, err
end
blocks[key] = finish
else
writes[#writes + 1] = writeoflist(key, listwithblock(changes, key, finish), decision)
end
end
end
return reply, commit(writes)
end`

const full = String.raw`local abs = math.abs
for _, limit in ipairs(limits) do
local letter = limit[1]
if prepare[letter] then
prepare[letter](limit)
end
end
local function step(charge, cost, state, operation, atleast, most)
local limit, receipt, holder = limits[charge[1]], charge[4], charge[5]
local algorithm = algorithms[limit[1]]
if cost < 0 then
if operation == PEEK then
return nil, true
end
local after, units = algorithm.giveback(limit, state, min(-cost, most or MAX), receipt)
return after, true, -(units or 0)
end
local facts = { receipt = receipt, holder = holder }
local isrenewal = algorithm.renews and cost > 0 and receipt[1] ~= nil
local isadmitted, after = false, nil
if cost <= (most or MAX) then
isadmitted, after = algorithm.charge(limit, state, cost, facts, operation == FORCE and not isrenewal)
end
if not isadmitted then
local available = min(algorithm.available(limit, state), most or MAX)
if isrenewal or atleast < 1 or cost < 1 or available < atleast then
return nil, false
end
cost = min(cost, available)
isadmitted, after = algorithm.charge(limit, state, cost, facts, true)
end
return cost > 0 and after or nil, isadmitted, cost
end
local function countkeys(decision)
local counts = {}
for i = 3, #decision do
local key = decision[i][2]
counts[key] = (counts[key] or 0) + 1
end
return counts
end
local function valueinreply(key, isreplied)
listof(key)
local text = not isreplied[key] and values[key] or ''
isreplied[key] = true
return text
end
local function ispart(charge)
local cost, receipt = charge[3], charge[4]
return cost > 1 and receipt[1] == nil
end
local function attempt(decision, cap)
local operation, atleast = decision[1], abs(decision[2])
local reply, ledgers, changes, isreplied = { 1 }, {}, newchanges(), {}
local counts = countkeys(decision)
local isallowed, least, largest = true, MAX, 0
for i = 3, #decision do
local charge = decision[i]
local limit, key, cost, receipt, terms = limits[charge[1]], charge[2], charge[3], charge[4], charge[6]
local iscapped = ispart(charge)
if iscapped and cost > cap then
cost = cap
end
local algorithm, id, place = algorithms[limit[1]], limit[2], i - 2
if algorithm.isready and not algorithm.isready(limit) then
return { -1 }
end
local state
if algorithm.isentry then
state = entryof(changes, key, id, place)
reply[#reply + 1] = valueinreply(key, isreplied)
elseif algorithm.isset then
local stored = openset(key, algorithm, counts[key])
state = changes.states[key] and changes.states[key][1] or stored
reply[#reply + 1] = algorithm.toreply(stored, decision, key)
else
local stored = stateof(key, algorithm)
local facts = { cost = cost, atleast = atleast, receipt = receipt }
state = changes.states[key] and changes.states[key][1] or stored
reply[#reply + 1] = stored and algorithm.toreply(limit, stored, facts, counts[key] > 1) or {}
end
local ledgerkey, most, ledger = nil, nil, nil
if terms then
ledgerkey = terms[1]
ledger = leases.read(entryof(changes, ledgerkey, id, place), terms)
ledgers[#ledgers + 1] = valueinreply(ledgerkey, isreplied)
most = leases.most(ledger, terms, cost)
end
local after, isadmitted, units = step(charge, cost, state, operation, atleast, most)
if iscapped and isadmitted then
least, largest = min(least, units), max(largest, units)
end
if not isadmitted then
isallowed = false
elseif after and operation ~= PEEK then
if algorithm.isentry then
local taken = algorithm.taken and limit[8] and algorithm.taken(limit, entryof(changes, key, limit[8], 1), units, state, after)
setentry(changes, key, id, place, after)
if taken then
setentry(changes, key, limit[8], 1, taken)
end
else
markchanged(changes, key, 'states')
changes.states[key] = { after, limit }
end
if terms and units ~= 0 then
setentry(changes, ledgerkey, id, place, leases.count(ledger, terms, units))
end
end
end
reply[1] = isallowed and 1 or 0
for _, ledger in ipairs(ledgers) do
reply[#reply + 1] = ledger
end
return reply, changes, isallowed, least, largest
end
local function decide(decision)
local blocked = hasblocks and replyofblocked(decision)
if blocked then
return blocked
end
local operation, atleast = decision[1], decision[2]
local reply, changes, isallowed, least, largest = attempt(decision, MAX)
if atleast >= 1 and largest > least and isallowed and operation ~= FORCE then
reply, changes, isallowed = attempt(decision, least)
end
return reply, isallowed and commit(writesof(changes, decision)) or nil
end
local function decideset(decision)
local blocked = hasblocks and replyofblocked(decision)
if blocked then
return blocked
end
local operation, atleast, charge = decision[1], abs(decision[2]), decision[3]
local limit, key = limits[charge[1]], charge[2]
local algorithm = algorithms[limit[1]]
local set = openset(key, algorithm, 1)
local reply = algorithm.toreply(set, decision, key)
local after, isadmitted = step(charge, charge[3], set, operation, atleast, nil)
local err = nil
if after and operation ~= PEEK then
err = algorithm.add(after) or algorithm.remove(after)
states[key] = algorithm.written(after)
end
return { isadmitted and 1 or 0, reply }, err
end
local function removeentry(list, id, place)
local at = find(list, id, place)
if at then
remove(list, at)
end
end
local function reset(decision)
local reply = attempt(decision, MAX)
if reply[1] < 0 then
return reply
end
local changes, writes = newchanges(), {}
for i = 3, #decision do
local limit, key = limits[decision[i][1]], decision[i][2]
if algorithms[limit[1]].isentry and not entries[key] then
local list = changedlist(changes, key)
removeentry(list, limit[2], i - 2)
if algorithms[limit[1]].taken and limit[8] then
removeentry(list, limit[8], 1)
end
else
states[key], isdecoded[key], lists[key], values[key] = nil, true, {}, false
writes[#writes + 1] = { key, false }
end
end
for _, key in ipairs(changes.keys) do
writes[#writes + 1] = writeoflist(key, changes.lists[key], decision)
end
return reply, commit(writes)
end
local function functionof(decision)
if decision[1] == RESET then
return reset
elseif decision[1] == SETBLOCK then
return block
end
return #decision == 3 and algorithms[limits[decision[3][1]][1]].isset and decideset or decide
end
local replies = { micros, 0, 0, '' }
for _, decision in ipairs(decisions) do
local isdone, reply, err = pcall(functionof(decision), decision)
if not isdone then
reply, err = { -2, type(reply) == 'table' and reply.err or reply }, nil
end
if err then
replies[4] = err
break
end
replies[#replies + 1] = reply
end
replies[2], replies[3] = unreadable, dropped
return replies`

const joined = (parts: readonly string[]): string => parts.join('\n')

export const FAST: string = joined([arithmetic, state, exchanged, request, limitSet, fast])

export const PACKED: string = joined([arithmetic, state, exchanged, packedEntry, packed, request, limitSet, fast])

export const GENERATIONS: string = joined([generations])

export const PUBLISH_POLICY: string = joined([publishPolicy])

export const READ_POLICIES: string = joined([readPolicies])

export const COUNT_VIOLATIONS: string = joined([countViolations])

export const COUNT_USAGE: string = joined([countUsage])

export const BLOCK_REPORT: string = joined([blockTime, blockRecords, blockReport])

export const BLOCK_ENTRY: string = joined([blockTime, blockRecords, blockEntry])

export const READ_BLOCKS: string = joined([blockTime, readBlocks])

export const BLOCK_REVISION: string = joined([blockTime, blockRevision])

export const REGION_COLLECT: string = joined([
  arithmetic,
  state,
  packedEntry,
  packed,
  regionLedger,
  regionStates,
  regionWindows,
  regionBuckets,
  regionOwn,
  regionCollect,
])

export const REGION_APPLY: string = joined([
  arithmetic,
  state,
  packedEntry,
  packed,
  regionLedger,
  regionStates,
  regionWindows,
  regionBuckets,
  regionOwn,
  regionApply,
])

export const REGION_RESET: string = joined([arithmetic, state, packedEntry, packed, regionLedger, regionStates, regionWindows, regionReset])

export const REGION_TRANSFER: string = joined([arithmetic, state, regionLedger, regionWindows, regionTransfer])

export const REGION_STREAM: string = joined([regionStream])

export const REGION_BOOK: string = joined([regionBook])

export const REGION_HEARTBEAT: string = joined([regionHeartbeat])

export const INSTANCES: string = joined([instances])

export const JOURNAL: string = joined([journal])

export const FULL: string = joined([
  arithmetic,
  state,
  algorithms,
  fixedWindow,
  slidingWindow,
  bucket,
  slidingLog,
  concurrency,
  leases,
  packedEntry,
  packed,
  batch,
  blocks,
  full,
])
