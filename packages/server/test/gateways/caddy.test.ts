import { gatewayConformance } from './conformance.ts'

gatewayConformance('caddy', {
  showsLimits: true,
  closed: {
    edit: [
      ['127.0.0.1:8080 127.0.0.1:8079', '127.0.0.1:8080'],
      ['2xx 500 502 504', '2xx'],
    ],
    status: [502, 503],
  },
})
