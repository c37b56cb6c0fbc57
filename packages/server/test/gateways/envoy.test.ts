import { gatewayConformance } from './conformance.ts'

gatewayConformance('envoy ext_authz', {
  showsLimits: true,
  // Envoy takes every 5xx for a failure of the service.
  others: [401, 429],
  hopByHop: 400,
  closed: { edit: [['failure_mode_allow: true', 'failure_mode_allow: false']], status: [503] },
})

gatewayConformance('envoy ratelimit', {
  protocol: 'grpc',
  showsLimits: true,
  closed: { edit: [['failure_mode_deny: false', 'failure_mode_deny: true']], status: [503] },
  // Its protocol has one refusal.
  others: [429, 429],
  preflight: 429,
  hopByHop: 400,
})
