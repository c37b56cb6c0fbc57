-- Purpose: moves rights of windows between regions in mode strict. packages/regions/src/transfer.ts does the same.
-- KEYS: the value of a policy and subject, and its transfers.
-- ARGV[1]: JSON { operation, shape, regions, ... }
--   shape: as in regionWindows.lua, with 0 in place of the ids of buckets; regions: the ids of each other region, { transfers, free }
--   operation 'need', then rights, cost: asks the other regions for units. 'donate', then place, rights, floor, window, want, got: gives units to the
--     region of this place. 'accept', then place, window, total, free: credits an offer of that region. 'reset': forgets what was used.
-- ARGV[2]: see testClock.lua
-- Reply: { micros, error, number... }
--   need: isasked, window, want, effective, isheld, then what came from each region; donate: isdone, total, free; accept: isdone; reset: used
-- redis.calls: TIME, MGET, SET. What lowers the rights of this region is written first, so that a failure loses rights and makes none.
--
-- Transfers are a list of entries, as a value is. The first number of each is until when it is kept (µs): a window longer than the window.
--   id of the state: when this region asked last (µs), and µs that it waits since
--   id of transfers: units got from that region, and units given to it; id of free: units that it could spare, and 0

-- µs; and parts of the window and the limit.
local FIRSTPAUSE, LONGESTPAUSE, LEAST, LOW = 300000, 1 / 32, 1 / 16, 1 / 4
local MOSTTRANSFERS = 255

local request = cjson.decode(ARGV[1])
local operation, shape, regions = request[1], request[2], request[3]
local kind, id, quantity, length = shape[1], shape[2], shape[4], shape[5]
local texts = redis.call('MGET', KEYS[1], KEYS[2])
local entries, transfers = texts[1] and decodevalue(texts[1]) or {}, texts[2] and decodevalue(texts[2]) or {}

-- The numbers of the window of now, and the units that it does not have room for; nil if the client's clock is in another window.
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

-- The second and the third number of a transfer of this window.
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
  -- This server has forgotten what it gave, and with it that it took it from its own count.
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
return { micros, reply[1] or '', unpack(reply, 2, 8 + #regions) }
