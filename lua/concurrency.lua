-- Purpose: holders that live until released or expired; the twin of packages/core/src/algorithms/concurrency.ts.
-- State: "expires id" lines, µs and the holder's id, in the order of acquisition. Expires with its last holder.
-- Limit: { 'c', L, ttl }, ttl in µs.
-- Receipt: { id } of the holder to release or renew.
-- Reply of a state: the holders as (expires, id) pairs.
-- redis.calls: none; full.lua reads and writes.

algorithms.c = { renews = true }

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
end
