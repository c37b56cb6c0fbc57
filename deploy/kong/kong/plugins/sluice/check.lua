-- What is asked of Sluice, and what its answer means. Knows neither Kong nor nginx.
local check = {}

-- Of an admitted request, the client sees these; of a refusal, all below.
local ADMITTED = { "RateLimit-Policy", "RateLimit" }
local REFUSED = { "RateLimit-Policy", "RateLimit", "Retry-After", "Content-Type", "Cache-Control", "WWW-Authenticate" }

-- The headers of the question. Sluice sees no other one, so no client can choose what it is counted as.
-- request: { address, host, method, uri, user, header = function(name) }; names: of the headers that the policies read
function check.headers(request, names)
  local headers = {
    ["X-Forwarded-For"] = request.address,
    ["X-Forwarded-Host"] = request.host,
    ["X-Forwarded-Method"] = request.method,
    ["X-Forwarded-Uri"] = request.uri,
  }
  for _, name in ipairs(names) do
    headers[name] = request.header(name)
  end
  -- By it, Sluice lets CORS preflights pass.
  headers["Access-Control-Request-Method"] = request.header("Access-Control-Request-Method")
  headers["X-User-Id"] = request.user
  return headers
end

local function shown(answer, names)
  local headers = {}
  for _, name in ipairs(names) do
    headers[name] = answer.headers[name]
  end
  return headers
end

-- answer: { status, headers, body }, or nil. Returns { status, headers, body } to refuse, { headers } to admit, nil if Sluice does not answer.
function check.verdict(answer)
  if answer == nil then return nil end
  if answer.status == 204 then return { headers = shown(answer, ADMITTED) } end
  -- A failure of Sluice, or of another server on the way, is no refusal.
  if answer.status == 500 or answer.headers["Content-Type"] ~= "application/problem+json" then return nil end
  return { status = answer.status, headers = shown(answer, REFUSED), body = answer.body }
end

return check
