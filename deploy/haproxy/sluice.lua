-- Asks Sluice about a request, and answers it if Sluice refuses: `http-request lua.sluice`.
-- It sets txn.sluice_answers, and what an admitted client is to see. Nothing is set if Sluice does not answer.
local URL = "http://127.0.0.1:8079/auth/forward"
-- Headers of the client that your policies read, and the one by which Sluice lets CORS preflights pass. Sluice sees no other one, so no
-- client can choose what it is counted as.
local REQUEST_HEADERS = { "x-api-key", "access-control-request-method" }
local REFUSAL_HEADERS = { "content-type", "retry-after", "ratelimit-policy", "ratelimit", "cache-control", "www-authenticate" }

local function ask(txn)
  local headers = {
    ["x-forwarded-for"] = { txn.sf:src() },
    ["x-forwarded-host"] = { txn.sf:req_hdr("host") },
    ["x-forwarded-method"] = { txn.sf:method() },
    ["x-forwarded-uri"] = { txn.sf:pathq() },
    -- Who HAProxy has authenticated, as the attribute user_id: set this header, and add ?attribute.user_id=header:x-user-id to the URL above.
    -- ["x-user-id"] = { txn.sf:http_auth_user() },
  }
  for _, name in ipairs(REQUEST_HEADERS) do
    local value = txn.sf:req_hdr(name)
    if value ~= "" then headers[name] = { value } end
  end
  return core.httpclient():get({ url = URL, headers = headers })
end

core.register_action("sluice", { "http-req" }, function(txn)
  local answer = ask(txn)
  local function header(name)
    local values = answer.headers and answer.headers[name]
    return values and values[0]
  end
  -- HAProxy's own 503 for a service that does not answer is no refusal, and neither is a failure of Sluice.
  local refused = header("content-type") == "application/problem+json" and answer.status ~= 500
  if answer.status ~= 204 and not refused then
    txn:Warning("Sluice does not answer")
    return
  end
  txn:set_var("txn.sluice_answers", true)
  if refused then
    local reply = txn:reply({ status = answer.status, body = answer.body })
    for _, name in ipairs(REFUSAL_HEADERS) do
      if header(name) then reply:add_header(name, header(name)) end
    end
    txn:done(reply)
  end
  if header("ratelimit-policy") then txn:set_var("txn.sluice_policy", header("ratelimit-policy")) end
  if header("ratelimit") then txn:set_var("txn.sluice_ratelimit", header("ratelimit")) end
end)
