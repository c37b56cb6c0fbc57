// `npm test`: every check and every test.
// `npm test -- --package express`: the types and the tests of one package.
// `npm run test:all`: as `npm test`, with ten times as much fuzzing, faults that last longer, and a quick run of every benchmark.
import { parseArgs } from 'node:util'
import { audit } from './audit.ts'
import { packageNames, projectsOf, typesOf } from './packages.ts'
import { ensureRedis } from './redis.ts'
import { LINT, Steps, TYPES } from './steps.ts'

/** Steps for each algorithm; by default the tests walk 10,000. */
const LONG_FUZZ = '100000'

const { isSlow, name } = options()
const steps = new Steps()
if (name === undefined) {
  for (const command of [...LINT, TYPES]) steps.command(command)
  auditDependencies()
  await ensureRedis()
  steps.tests([], isSlow ? { SLUICE_FUZZ: LONG_FUZZ, SLUICE_FAULTS: 'full' } : {})
  if (isSlow) steps.command(['benchmarks run', 'node', '--conditions=source', 'bench/main.ts', '--quick'])
} else {
  steps.command(['types', 'tsc', '-b', ...typesOf(name)])
  await ensureRedis()
  steps.tests(projectsOf(name).flatMap((project) => ['--project', project]))
}
steps.finish()

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
