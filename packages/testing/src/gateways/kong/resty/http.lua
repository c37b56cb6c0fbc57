-- The part of lua-resty-http that the plugin calls. Kong brings that library; Debian has no package of it.
local http = {}
http.__index = http

local function insensitive()
  return setmetatable({}, {
    __index = function(headers, name)
      local lower = name:lower()
      return name ~= lower and headers[lower] or nil
    end,
  })
end

function http.new()
  return setmetatable({ socket = ngx.socket.tcp() }, http)
end

function http:set_timeouts(connect, send, read)
  self.socket:settimeouts(connect, send, read)
end

local function read_body(socket, headers)
  if headers["Content-Length"] then
    local length = tonumber(headers["Content-Length"])
    return length == 0 and "" or socket:receive(length)
  end
  if headers["Transfer-Encoding"] ~= "chunked" then return "" end
  local parts = {}
  while true do
    local size = tonumber(socket:receive("*l"), 16)
    if size > 0 then parts[#parts + 1] = socket:receive(size) end
    socket:receive("*l")
    if size == 0 then return table.concat(parts) end
  end
end

function http:request_uri(url, options)
  local host, port, path = url:match("^http://([%d.]+):(%d+)(/.*)$")
  local socket = self.socket
  local connected, problem = socket:connect(host, tonumber(port))
  if not connected then return nil, problem end
  local lines = { options.method .. " " .. path .. " HTTP/1.1", "Host: " .. host .. ":" .. port }
  for name, value in pairs(options.headers) do
    lines[#lines + 1] = name .. ": " .. value
  end
  socket:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
  local line, failure = socket:receive("*l")
  if not line then return nil, failure end
  local answer = { status = tonumber(line:match("^HTTP/1.1 (%d+)")), headers = insensitive() }
  while true do
    local name, value = (socket:receive("*l") or ""):match("^([^:]+):%s*(.*)$")
    if not name then break end
    rawset(answer.headers, name:lower(), value)
  end
  answer.body = read_body(socket, answer.headers)
  socket:setkeepalive(options.keepalive_timeout)
  return answer
end

return http
