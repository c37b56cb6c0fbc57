import { type Facts, gatewayConformance, gatewayUsers } from './conformance.ts'

const NGINX: Facts = {
  showsLimits: true,
  closed: { edit: [['location @unavailable {', 'location @unavailable {\n    return 503;']], status: [503] },
}

gatewayConformance('nginx', NGINX)
gatewayConformance('nginx 1.31', NGINX)

gatewayUsers('nginx', [
  ['/auth/nginx;', '/auth/nginx?attribute.user_id=header:x-user-id;'],
  ['# proxy_set_header X-User-Id', 'proxy_set_header X-User-Id'],
])
