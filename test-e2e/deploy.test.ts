// deploy/: the image, the compose file, the manifests of Kubernetes and the unit of systemd are what they say. There is no container engine here,
// so what the image has is run from a folder.
import { spawnSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { parseDocument } from '@sluice/policies'
import { configOf } from '@sluice/server'
import { hadolint, systemdAnalyze } from '@sluice/testing/deploy'
import { runSupervised, waitUntil } from '@sluice/testing/processes'
import * as apps from 'kubernetes-models/apps/v1'
import * as autoscaling from 'kubernetes-models/autoscaling/v2'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as policy from 'kubernetes-models/policy/v1'
import * as core from 'kubernetes-models/v1'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { binary, ROOT } from './support/workspace.ts'

const read = (file: string): string => readFileSync(join(ROOT, 'deploy', file), 'utf8')
type Environment = Record<string, string>

describe('docker', () => {
  const dockerfile = read('docker/Dockerfile')
  /** The words of the last instruction of this name, in its JSON form. */
  const wordsOf = (instruction: string): readonly string[] =>
    JSON.parse([...dockerfile.matchAll(new RegExp(String.raw`^${instruction} (\[.*\])$`, 'gm'))].at(-1)?.[1] ?? '[]') as readonly string[]

  test('hadolint finds nothing', () => {
    const { status, stdout } = spawnSync(hadolint(), ['--no-color', 'deploy/docker/Dockerfile'], { cwd: ROOT, encoding: 'utf8' })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })
  test('the image runs as a number that is not root, and nothing in it is a shell', () => {
    expect(/^USER (\d+):\d+$/m.exec(dockerfile)?.[1]).toBe('65532')
    expect(wordsOf('ENTRYPOINT')).not.toEqual([])
    expect(wordsOf('CMD')).not.toEqual([])
    expect(dockerfile).toContain('FROM gcr.io/distroless/')
  })

  describe('what it has', () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-image-'))
    const inside = (words: readonly string[]): readonly string[] =>
      words.map((word) => (word === '/nodejs/bin/node' ? process.execPath : word.replace(/^\/app\//, `${folder}/`)))
    // As the user of the image, with nothing in the environment. Who is not root stays who they are.
    const asUser = (env: Environment, words: readonly string[]): readonly string[] => [
      ...(process.getuid?.() === 0 ? ['setpriv', '--reuid', '65532', '--regid', '65532', '--clear-groups', '--no-new-privs'] : []),
      'env',
      '-i',
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      ...words,
    ]
    beforeAll(() => {
      const { status, stderr } = spawnSync(process.execPath, ['deploy/docker/layout.ts', folder], { cwd: ROOT, encoding: 'utf8' })
      if (status !== 0) throw new Error(stderr)
      chmodSync(folder, 0o755)
    }, 120_000)
    afterAll(() => rmSync(folder, { recursive: true }))

    test('starts, answers, says that it is well, and ends at SIGTERM', async () => {
      const logs = mkdtempSync(join(tmpdir(), 'sluice-log-'))
      const command = wordsOf('CMD').map((word) => word.replace(/^0\.0\.0\.0:\d+$/, '0.0.0.0:0'))
      const [program = '', ...args] = asUser({}, inside([...wordsOf('ENTRYPOINT'), ...command]))
      const service = await runSupervised(program, args, logs, 'log')
      try {
        const output = (): string => readFileSync(join(logs, 'log'), 'utf8')
        await waitUntil('the service', () => service.ended() !== undefined || output().includes('HTTP '))
        const port = /HTTP\s+http:\/\/0\.0\.0\.0:(\d+)$/m.exec(output())?.[1]
        expect(port, output()).toBeDefined()
        expect((await fetch(`http://127.0.0.1:${port}/check?user_id=ada`)).status).toBe(200)
        const healthy = (listen: string): number | null => {
          const [check = '', ...rest] = asUser({ SLUICE_HTTP_LISTEN: listen }, inside(wordsOf('\\s+CMD')))
          return spawnSync(check, rest, { timeout: 10_000 }).status
        }
        expect(healthy(`0.0.0.0:${port}`)).toBe(0)
        await service.signal('SIGTERM')
        await waitUntil('its end', () => service.ended() !== undefined)
        expect(service.ended()).toBe('code 0')
        expect(healthy(`0.0.0.0:${port}`)).toBe(1)
      } finally {
        await service.kill()
        rmSync(logs, { recursive: true })
      }
    })
  })
})

interface ComposeService {
  readonly command?: readonly string[]
  readonly environment?: Environment
  readonly read_only?: boolean
  readonly cap_drop?: readonly string[]
  readonly security_opt?: readonly string[]
  readonly ports?: readonly string[]
}

describe('compose', () => {
  const { services } = parse(read('compose/compose.yaml')) as { readonly services: Readonly<Record<string, ComposeService>> }
  test('the settings of the service are valid, and so are its policies', async () => {
    const { command = [], environment } = services['sluice'] as ComposeService
    const [serve, ...words] = command
    expect(serve).toBe('serve')
    const { values: flags } = parseArgs({
      args: words,
      options: { http: { type: 'string' }, grpc: { type: 'string' }, insecure: { type: 'boolean' } },
    })
    const config = await configOf({ env: environment, flags: flags as Record<string, string | true> })
    expect(config.policies?.from).toBe('/etc/sluice/sluice.yaml')
    expect(parseDocument(read('compose/policies/sluice.yaml')).namespace).toBe('api')
  })
  test.each(Object.entries(services))('%s writes nothing, has no privilege, and is not reached from elsewhere', (_name, service) => {
    expect(service).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] })
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:/)
  })
})

interface Manifest {
  readonly kind: string
  readonly apiVersion: string
}
interface Container {
  readonly name: string
  readonly env?: readonly { readonly name: string; readonly value?: string }[]
  readonly securityContext?: object
  readonly resources?: { readonly limits?: { readonly memory?: string } }
  readonly volumeMounts?: readonly { readonly name: string }[]
}
interface PodSpec {
  readonly initContainers?: readonly Container[]
  readonly containers: readonly Container[]
  readonly volumes?: readonly { readonly name: string }[]
  readonly securityContext?: object
}

const MODELS: Readonly<Record<string, readonly [module: string, models: object]>> = {
  'apps/v1': ['kubernetes-models/apps/v1', apps],
  'autoscaling/v2': ['kubernetes-models/autoscaling/v2', autoscaling],
  'networking.k8s.io/v1': ['kubernetes-models/networking.k8s.io/v1', networking],
  'policy/v1': ['kubernetes-models/policy/v1', policy],
  v1: ['kubernetes-models/v1', core],
}
const manifests = globSync('kubernetes/*.yaml', { cwd: join(ROOT, 'deploy') })
  .toSorted((a, b) => a.localeCompare(b))
  .flatMap((file) => parseAllDocuments(read(file)).map((document) => ({ file, manifest: document.toJS() as Manifest })))

describe('kubernetes', () => {
  test('there is each kind that the README promises', () => {
    const kinds = new Set(manifests.map(({ manifest }) => manifest.kind))
    for (const kind of ['Deployment', 'Service', 'ConfigMap', 'PodDisruptionBudget', 'HorizontalPodAutoscaler', 'NetworkPolicy'])
      expect(kinds).toContain(kind)
  })

  test.each(manifests)('$manifest.kind of $file has valid values', ({ manifest }) => {
    const [, models] = MODELS[manifest.apiVersion] ?? []
    const Model = (models as Record<string, new (value: object) => { validate(): void }>)[manifest.kind]
    expect(() => new Model!(manifest).validate()).not.toThrow()
  })

  test('no field is unknown: the compiler checks all manifests against the types of Kubernetes', () => {
    const folder = join(import.meta.dirname, '.deploy')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    const lines = manifests.map(({ manifest }, i) => {
      const [module] = MODELS[manifest.apiVersion] ?? []
      return `import type { I${manifest.kind} as T${i} } from '${module}'\nexport const m${i} = ${JSON.stringify(manifest)} as const satisfies Frozen<T${i}>\n`
    })
    const frozen = 'type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T\n'
    writeFileSync(join(folder, 'manifests.ts'), frozen + lines.join(''))
    const options = { noEmit: true, strict: true, skipLibCheck: true, module: 'nodenext', target: 'es2023', types: [] }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['manifests.ts'] }))
    const { stdout } = spawnSync(process.execPath, [binary('typescript', 'tsc'), '-p', '.'], { cwd: folder, encoding: 'utf8' })
    rmSync(folder, { recursive: true })
    expect(stdout).toBe('')
  })

  const pods = manifests.flatMap(({ file, manifest }) =>
    manifest.kind === 'Deployment'
      ? [{ file, spec: (manifest as unknown as { spec: { template: { spec: PodSpec } } }).spec.template.spec }]
      : [],
  )
  describe.each(pods)('the pods of $file', ({ spec }) => {
    const containers = [...(spec.initContainers ?? []), ...spec.containers]
    test('pass the restricted level of Pod Security, write nothing, and have a bound of memory', () => {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
      for (const { securityContext, resources } of containers) {
        expect(securityContext).toMatchObject({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        })
        expect(resources?.limits?.memory).toMatch(/^\d+Mi$/)
      }
    })
    test('mount only volumes that there are', () => {
      const names = spec.volumes?.map(({ name }) => name)
      for (const { volumeMounts = [] } of containers) for (const { name } of volumeMounts) expect(names).toContain(name)
    })
    test('have valid settings', async () => {
      const sluice = containers.find(({ name }) => name === 'sluice')
      const fromSecret: Environment = {
        SLUICE_REDIS_URL: 'redis://redis:6379/0',
        SLUICE_SECRET: 'a secret of 20 chars',
        SLUICE_INSTANCE: 'pod-1',
      }
      const env = Object.fromEntries(
        (sluice?.env ?? []).map(({ name, value }) => [name, value ?? fromSecret[name] ?? `no value for ${name}`]),
      )
      expect((await configOf({ env })).policies?.from).toBe('/etc/sluice/sluice.yaml')
    })
  })

  test('the policies of the ConfigMap are valid', () => {
    const map = manifests.find(({ manifest }) => manifest.kind === 'ConfigMap')?.manifest as unknown as { readonly data: Environment }
    expect(parseDocument(map.data['sluice.yaml'] ?? '').revision).toBe(1)
  })
})

describe('systemd', () => {
  const UNIT = 'deploy/systemd/sluice.service'
  test('the unit is valid', () => {
    const { status, stdout, stderr } = spawnSync(systemdAnalyze(), ['verify', '--man=no', UNIT], { cwd: ROOT, encoding: 'utf8' })
    // It also warns of units of the system that it loads.
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line.includes('sluice.service'))).toEqual([])
    expect(status).toBe(0)
  })
  test('it is exposed to little: at most 1.5 of 10', () => {
    const args = ['security', '--offline=true', '--no-pager', '--threshold=15', UNIT]
    const { status, stdout } = spawnSync(systemdAnalyze(), args, { cwd: ROOT, encoding: 'utf8' })
    expect(status, stdout).toBe(0)
  })
})
