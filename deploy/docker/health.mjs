// Whether the service in this container answers: its exit status is 0 or 1. For HEALTHCHECK, where there is no curl.
import { request } from 'node:http'

const socketPath = /^unix:(.*)$/.exec(process.env['SLUICE_HTTP_LISTEN'] ?? '')?.[1]
const port = /(\d+)$/.exec(process.env['SLUICE_HTTP_LISTEN'] ?? '8080')?.[1]
const where = socketPath === undefined ? { host: '127.0.0.1', port } : { socketPath }
request({ ...where, path: '/healthz', timeout: 2_000 }, (response) => process.exit(response.statusCode === 200 ? 0 : 1))
  .once('timeout', () => process.exit(1))
  .once('error', () => process.exit(1))
  .end()
