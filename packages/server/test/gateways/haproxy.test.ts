import { gatewayConformance } from './conformance.ts'

gatewayConformance('haproxy', {
  showsLimits: true,
  closed: { edit: [['# http-request return status 503', 'http-request return status 503']], status: [503] },
})
