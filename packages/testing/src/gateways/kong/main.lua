-- Runs the plugin of deploy/kong in nginx with Lua, which stands in for Kong: its own configuration schema gives the settings, and `kong` has
-- the functions of Kong's plugin development kit that the plugin calls.
local kong = { client = {}, request = {}, response = {}, log = {}, ctx = {} }

function kong.client.get_forwarded_ip()
  return ngx.var.remote_addr
end

-- As if a plugin had authenticated the user of the header Authorization.
function kong.client.get_consumer()
  return ngx.var.remote_user and { username = ngx.var.remote_user }
end

function kong.request.get_host()
  return ngx.var.host
end

kong.request.get_method = ngx.req.get_method

function kong.request.get_header(name)
  local value = ngx.req.get_headers()[name]
  return type(value) == "table" and value[1] or value
end

function kong.response.exit(status, body, headers)
  ngx.status = status
  for name, value in pairs(headers or {}) do
    ngx.header[name] = value
  end
  if type(body) == "table" then body = '{"message":"' .. body.message .. '"}' end
  ngx.print(body)
  return ngx.exit(ngx.HTTP_OK)
end

function kong.response.set_header(name, value)
  ngx.header[name] = value
end

function kong.log.err(...)
  ngx.log(ngx.ERR, ...)
end

-- Each request has its own.
setmetatable(kong.ctx, {
  __index = function()
    ngx.ctx.plugin = ngx.ctx.plugin or {}
    return ngx.ctx.plugin
  end,
})
_G.kong = kong

package.loaded["kong.db.schema.typedefs"] = {
  url = function(field)
    return field
  end,
}

local conf = {}
for _, field in ipairs(require("kong.plugins.sluice.schema").fields[2].config.fields) do
  local name, definition = next(field)
  conf[name] = definition.default
end
conf.request_headers = { "X-Api-Key" }

return { handler = require("kong.plugins.sluice.handler"), conf = conf }
