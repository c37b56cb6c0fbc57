import { type Facts, gatewayConformance } from './conformance.ts'

const NGINX: Facts = {
  showsLimits: true,
  closed: { edit: [['location @unavailable {', 'location @unavailable {\n    return 503;']], status: [503] },
}

gatewayConformance('nginx', NGINX)
gatewayConformance('nginx 1.31', NGINX)
