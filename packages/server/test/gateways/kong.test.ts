import { gatewayConformance, gatewayUsers } from './conformance.ts'

// The plugin of deploy/kong.
gatewayConformance('nginx with Lua', {
  showsLimits: true,
  closed: { edit: [['type = "boolean", default = true', 'type = "boolean", default = false']], status: [503] },
})

// The plugin passes on the consumer by itself.
gatewayUsers('nginx with Lua', [])
