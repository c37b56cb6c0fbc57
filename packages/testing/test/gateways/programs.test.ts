import { afterEach, expect, test, vi } from 'vitest'
import { installedGateway, nginxWithLua } from '../../src/gateways/programs.ts'
import { wheelProgram } from '../../src/processes/wheel-program.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test('a gateway that is not there fails with the line to type', () => {
  vi.stubEnv('SLUICE_NGINX', '/nowhere/nginx')
  vi.stubEnv('SLUICE_HAPROXY', '/nowhere/haproxy')
  const apt = 'sudo apt-get install --no-install-recommends'
  expect(() => installedGateway('haproxy')).toThrow(`${apt} haproxy`)
  expect(() => installedGateway('nginx')).toThrow(`${apt} nginx-light`)
  expect(() => nginxWithLua()).toThrow(`${apt} nginx-light`)
})

test('a program of a wheel that is not there, or has another version, fails with the line to type', () => {
  const wheel = { name: 'no-program', version: /^never$/, wheel: 'none==1', sha256: '', megabytes: 1, file: 'none', onPath: 'node' }
  expect(() => wheelProgram(wheel, 'scripts/gateways.ts')).toThrow('Linux on x86-64: node scripts/gateways.ts')
  expect(wheelProgram({ ...wheel, version: /^v\d+/ }, 'scripts/gateways.ts')).toBe('node')
})
