-- A plugin of Kong that asks Sluice about each request. Kong brings resty.http.
local http = require("resty.http")
local check = require("kong.plugins.sluice.check")

-- As Kong's own plugin rate-limiting: after those that authenticate.
local Sluice = { PRIORITY = 910, VERSION = "1.0.0" }

-- Who Kong has authenticated.
local function user()
  local consumer = kong.client.get_consumer()
  return consumer and (consumer.custom_id or consumer.username or consumer.id)
end

local function ask(conf)
  local client = http.new()
  client:set_timeouts(conf.timeout, conf.timeout, conf.timeout)
  local request = {
    address = kong.client.get_forwarded_ip(),
    host = kong.request.get_host(),
    method = kong.request.get_method(),
    uri = ngx.var.request_uri,
    user = user(),
    header = kong.request.get_header,
  }
  return client:request_uri(conf.url, {
    method = "GET",
    headers = check.headers(request, conf.request_headers),
    -- In ms. Shorter than in Sluice, which closes after 75 s: so no request meets a connection that is about to close.
    keepalive_timeout = 60000,
  })
end

function Sluice:access(conf)
  local answer, problem = ask(conf)
  local verdict = check.verdict(answer)
  if verdict == nil then
    kong.log.err("Sluice does not answer: ", problem or answer.status)
    if conf.fail_open then return end
    return kong.response.exit(503, { message = "Service Unavailable" })
  end
  if verdict.status then return kong.response.exit(verdict.status, verdict.body, verdict.headers) end
  kong.ctx.plugin.headers = verdict.headers
end

function Sluice:header_filter()
  for name, value in pairs(kong.ctx.plugin.headers or {}) do
    kong.response.set_header(name, value)
  end
end

return Sluice
