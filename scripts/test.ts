// `npm test`: every check and every test.
// `npm test -- --package express`: the types and the tests of one package.
// `npm run test:all`: as `npm test`, with ten times as much fuzzing, faults that last longer, an application of Next, the tests of
// @sluice/redis on Redis 6.2 and on Valkey 8 and 9, those of @sluice/dynamodb on moto, a collector of OpenTelemetry, the engine of
// ClickHouse, the rate limit service of Envoy, and a quick run of every benchmark.
import { parseArgs } from 'node:util'
import { audit } from './audit.ts'
import { ensureChdb } from './chdb.ts'
import { ensureChromium } from './chromium.ts'
import { ensureCollector } from './collector.ts'
import { ensureEtcd } from './etcd.ts'
import { ensureDeployPrograms } from './deploy.ts'
import { ensureGateways } from './gateways.ts'
import { ensureKafka } from './kafka.ts'
import { ensureMoto } from './moto.ts'
import { packageNames, projectsOf, typesOf } from './packages.ts'
import { ensurePrometheus } from './prometheus.ts'
import { ensureRedis } from './redis.ts'
import { ensureRls } from './rls.ts'
import { ensureServers } from './servers.ts'
import { ensureShells } from './shells.ts'
import { ensureSql } from './sql.ts'
import { LINT, Steps, TYPES } from './steps.ts'
import type { EnsuredProgram } from './wheels.ts'

/** Steps for each algorithm; by default the tests walk 10,000. */
const LONG_FUZZ = '100000'

/** The smallest download. Every `npm test` runs the conformance suite on it. */
const DAILY_SERVER = 'valkey-9'

const { isSlow, name } = options()
const steps = new Steps()
if (name === undefined) {
  for (const command of [...LINT, TYPES]) steps.command(command)
  auditDependencies()
  await ensureRedis()
  await ensureSql()
  await ensureEtcd()
  await ensureKafka()
  await ensurePrometheus()
  await ensureGateways()
  await ensureChromium()
  for (const { problem } of await ensureDeployPrograms()) if (problem !== undefined) console.log(problem)
  if (isSlow) await ensureShells()
  // Without them, their tests fail with the same words.
  for (const missing of isSlow ? [await ensureCollector(), ensureChdb(), ...(await ensureRls('ratelimit'))] : [])
    if (missing !== undefined) console.log(missing)
  const servers = await ensureServers(isSlow ? undefined : [DAILY_SERVER])
  steps.tests([], isSlow ? { SLUICE_FUZZ: LONG_FUZZ, SLUICE_FAULTS: 'full' } : {})
  if (isSlow) for (const server of servers) onServer(server)
  if (isSlow) onMoto()
  if (isSlow) steps.command(['benchmarks run', 'node', '--conditions=source', 'bench/main.ts', '--quick'])
} else {
  steps.command(['types', 'tsc', '-b', ...typesOf(name)])
  await ensureRedis()
  if (name === 'redis' || name === 'cli') await ensureServers([DAILY_SERVER])
  if (name === 'policies') await ensureSql()
  if (name === 'etcd' || name === 'server') await ensureEtcd()
  if (name === 'kafka' || name === 'server') await ensureKafka()
  if (name === 'telemetry') await ensurePrometheus()
  if (name === 'server') await ensureGateways()
  if (name === 'server') await ensureChromium()
  steps.tests(projectsOf(name).flatMap((project) => ['--project', project]))
}
steps.finish()

/** The servers from wheels have no TLS, so the machine's own server runs the tests of it. A server that could not be had is a failure. */
function onServer({ name: server, path, problem }: EnsuredProgram): void {
  const title = `tests on ${server}`
  if (path === undefined) return steps.report(title, performance.now(), 'failed', problem)
  steps.tests(['--project', 'redis'], { SLUICE_REDIS_SERVER: path, SLUICE_REDIS_TLS_SERVER: 'redis-server' }, title)
}

/** A second server with the API of DynamoDB. */
function onMoto(): void {
  const title = 'tests on moto'
  const problem = ensureMoto()
  if (problem !== undefined) return steps.report(title, performance.now(), 'failed', problem)
  steps.tests(['--project', 'dynamodb'], { SLUICE_DYNAMODB: 'moto' }, title)
}

function options(): { readonly isSlow: boolean; readonly name: string | undefined } {
  try {
    const { values } = parseArgs({ options: { all: { type: 'boolean', default: false }, package: { type: 'string' } } })
    const name = values.package?.replace(/^@sluice\//, '')
    if (name !== undefined && !packageNames().includes(name)) throw new Error(`There is no package "${values.package}".`)
    return { isSlow: values.all, name }
  } catch (error) {
    const usage = `Usage: npm test -- [--package <name>], where <name> is one of: ${packageNames().join(', ')}`
    console.error(`${(error as Error).message}\n${usage}`)
    process.exit(1)
  }
}

/** Asks the registry about known vulnerabilities. A registry that does not answer is neither a pass nor a failure. */
function auditDependencies(): void {
  const start = performance.now()
  const { result, output } = audit()
  if (result === 'clean') steps.report('dependency audit', start, 'passed')
  else if (result === 'unknown') steps.report('dependency audit', start, 'skipped', 'the registry does not answer audits here')
  else steps.report('dependency audit', start, 'failed', `\n${output}`)
}
