-- The configuration of the plugin.
local typedefs = require("kong.db.schema.typedefs")

return {
  name = "sluice",
  fields = {
    { protocols = typedefs.protocols_http },
    {
      config = {
        type = "record",
        fields = {
          { url = typedefs.url({ required = true, default = "http://127.0.0.1:8080/auth/forward?attribute.user_id=header:x-user-id" }) },
          -- In ms: to connect, to send, to receive.
          { timeout = { type = "integer", between = { 1, 60000 }, default = 250 } },
          -- Headers of the client that the policies read.
          { request_headers = { type = "array", elements = typedefs.header_name, default = {} } },
          -- Whether requests pass without a limit while Sluice does not answer. Otherwise they get a 503.
          { fail_open = { type = "boolean", default = true } },
        },
      },
    },
  },
}
