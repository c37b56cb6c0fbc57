-- Purpose: an entry for each admitted charge; the twin of packages/core/src/algorithms/sliding-log.ts.
-- State: records of 16 bytes, oldest first: time (µs, a double), units and id (4 bytes each). The last record may have no
--   units left: it keeps ids from being used again. Expires a window after its newest record.
-- Limit: { 'l', L, W }, W in µs.
-- Receipt: { time, id }.
-- Reply of a state: next id, then (time, units, id) of the live entries, merged where no answer depends on their bounds.
-- redis.calls: none; full.lua reads and writes.

algorithms.l = {}

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

-- { live entries, units in them, next id }
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

-- The bounds that an outcome can depend on: the entry given back, the oldest, the newest, and those whose expiry makes room.
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
    -- The entry given back stands alone, and so does the one after it, which may be the oldest that is left.
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
end
