/// <reference types="node" />
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { installedGateway, nginxWithLua, wheelGateway } from './programs.ts'

/** How a gateway is run on its sample. */
export interface Gateway {
  /** Files of `deploy/` that are copied into the folder of the gateway. The first folder of their names is left out. */
  readonly samples: readonly string[]
  /** Further files by name: what a system has around the sample, such as a main file that includes it. Their ports are filled in, too. */
  readonly files?: Readonly<Record<string, string>>
  /** The command, which runs in that folder. @throws with how to install the gateway */
  command(): readonly string[]
}

export type GatewayName =
  | 'envoy ext_authz'
  | 'envoy ratelimit'
  | 'nginx'
  | 'nginx 1.31'
  | 'nginx with Lua'
  | 'haproxy'
  | 'caddy'
  | 'traefik'

/** One process, so that it ends as a whole. Root keeps its rights, since the folder is its own. */
function nginxConf(...http: readonly string[]): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${name};`)
  const lines = ['access_log off;', ...temporary, ...http]
  return `daemon off; master_process off; pid nginx.pid; error_log stderr warn;
events { worker_connections 1024; }
http {
${lines.map((line) => `  ${line}\n`).join('')}}
`
}

/** A file that stands in for Kong. */
function standIn(name: string): string {
  return readFileSync(fileURLToPath(new URL(`./kong/${name}`, import.meta.url)), 'utf8')
}

const NGINX = { samples: ['nginx/sluice.conf'], files: { 'nginx.conf': nginxConf('include sluice.conf;') } }
const NGINX_ARGUMENTS = ['-p', '.', '-c', 'nginx.conf', '-e', 'stderr']
const ENVOY_ARGUMENTS = ['--concurrency', '1', '-l', 'warn', '--use-dynamic-base-id', '-c']

export const GATEWAYS: Readonly<Record<GatewayName, Gateway>> = {
  'envoy ext_authz': {
    samples: ['envoy/ext-authz.yaml'],
    command: () => [wheelGateway('envoy'), ...ENVOY_ARGUMENTS, 'ext-authz.yaml'],
  },
  'envoy ratelimit': {
    samples: ['envoy/ratelimit.yaml'],
    command: () => [wheelGateway('envoy'), ...ENVOY_ARGUMENTS, 'ratelimit.yaml'],
  },
  nginx: { ...NGINX, command: () => [installedGateway('nginx'), ...NGINX_ARGUMENTS] },
  'nginx 1.31': { ...NGINX, command: () => [wheelGateway('nginx-new'), ...NGINX_ARGUMENTS] },
  'nginx with Lua': {
    samples: ['check', 'handler', 'schema'].map((name) => `kong/kong/plugins/sluice/${name}.lua`),
    files: {
      'nginx.conf': nginxConf('include server.conf;'),
      ...Object.fromEntries(['server.conf', 'main.lua', 'resty/http.lua'].map((name) => [name, standIn(name)])),
    },
    command() {
      const { program, modules } = nginxWithLua()
      const load = modules.map((module) => `load_module ${module};`).join(' ')
      return [program, ...NGINX_ARGUMENTS, '-g', load]
    },
  },
  haproxy: {
    samples: ['haproxy/haproxy.cfg', 'haproxy/sluice.lua'],
    command: () => [installedGateway('haproxy'), '-db', '-f', 'haproxy.cfg'],
  },
  caddy: {
    samples: ['caddy/Caddyfile'],
    // Caddy keeps state in its home, and its endpoint for administration would take a port.
    command: () => [
      'env',
      'HOME=.',
      'XDG_CONFIG_HOME=.',
      'XDG_DATA_HOME=.',
      'CADDY_ADMIN=unix//./admin.sock',
      wheelGateway('caddy'),
      'run',
    ],
  },
  traefik: {
    samples: ['traefik/traefik.yml', 'traefik/dynamic.yml'],
    command: () => [wheelGateway('traefik'), '--configFile=traefik.yml'],
  },
}
