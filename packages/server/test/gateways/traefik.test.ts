import { gatewayConformance } from './conformance.ts'

gatewayConformance('traefik', {
  showsLimits: false,
  closed: { edit: [['service: check', 'service: sluice']], status: [502] },
})
