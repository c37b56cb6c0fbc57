/// <reference types="node" />
import { execFileSync } from 'node:child_process'

/** A program that a package of the system brings. */
export interface InstalledProgram {
  readonly name: string
  /** The environment variable that names another one by its path. */
  readonly variable: string
  /** Its packages in Debian and Ubuntu. */
  readonly apt: string
  /** Its packages in Homebrew. */
  readonly brew: string
  /** What makes it print its version and end with 0. Default: `--version`. */
  readonly versionArgument?: string
}

/**
 * The path of a program: what its variable names, else the first place where it runs.
 * @param places paths, or a name that is looked up on PATH. Default: its name.
 * @throws with how to install it. No test is skipped.
 */
export function installedProgram(
  { name, variable, apt, brew, versionArgument = '--version' }: InstalledProgram,
  places: readonly string[] = [name],
): string {
  const named = process.env[variable]
  const found = (named ? [named] : places).find((path) => runs(path, versionArgument))
  if (found !== undefined) return found
  throw new Error(
    [
      `The tests need ${name}, and it does not run.`,
      `Debian, Ubuntu: sudo apt-get install --no-install-recommends ${apt}`,
      `macOS: brew install ${brew}`,
      `anywhere: ${variable}=/path/to/${name}`,
    ].join('\n  '),
  )
}

function runs(path: string, versionArgument: string): boolean {
  try {
    execFileSync(path, [versionArgument], { stdio: 'ignore', timeout: 10_000 })
    return true
  } catch {
    return false
  }
}
