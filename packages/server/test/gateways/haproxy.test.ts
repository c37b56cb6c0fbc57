import { gatewayConformance, gatewayUsers } from './conformance.ts'

gatewayConformance('haproxy', {
  showsLimits: true,
  closed: { edit: [['# http-request return status 503', 'http-request return status 503']], status: [503] },
})

gatewayUsers('haproxy', [
  ['/auth/forward"', '/auth/forward?attribute.user_id=header:x-user-id"'],
  ['-- ["x-user-id"]', '["x-user-id"]'],
])
