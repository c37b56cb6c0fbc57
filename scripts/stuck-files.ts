// A reporter of vitest. It names each test file in which nothing has happened for minutes, and ends the run if that goes on, or if
// one file takes too long. The time limits of tests and hooks do not: a loop may never return, a file may wait while it is loaded,
// and each of a thousand tests may take its whole time limit.
import { spawnSync } from 'node:child_process'
import { relative } from 'node:path'
import type { ReportedHookContext, Reporter, TestCase, TestModule } from 'vitest/node'

const MINUTE = 60_000
const NOTICE_AFTER = 3 * MINUTE
/** Longer than the longest time limit of a test, and far below that of CI. */
const LONGEST_SILENCE = 15 * MINUTE
/** Longer than any file takes with `npm run test:all`. */
const LONGEST_FILE = 40 * MINUTE

interface Running {
  readonly since: number
  /** When something last happened in the file. */
  at: number
  /** Number of notices since then. */
  notices: number
  readonly tests: Set<string>
}

export default class StuckFiles implements Reporter {
  private readonly running = new Map<string, Running>()
  private timer: NodeJS.Timeout | undefined

  onTestRunStart(): void {
    clearInterval(this.timer)
    this.timer = setInterval(() => this.check(performance.now()), MINUTE / 6)
  }
  onTestModuleQueued({ moduleId }: TestModule): void {
    const now = performance.now()
    this.running.set(moduleId, { since: now, at: now, notices: 0, tests: new Set() })
  }
  onTestModuleCollected({ moduleId }: TestModule): void {
    this.happened(moduleId)
  }
  onHookStart({ entity }: ReportedHookContext): void {
    this.happened('module' in entity ? entity.module.moduleId : entity.moduleId)
  }
  onTestCaseReady({ module, fullName }: TestCase): void {
    this.happened(module.moduleId)?.tests.add(fullName)
  }
  onTestCaseResult({ module, fullName }: TestCase): void {
    this.happened(module.moduleId)?.tests.delete(fullName)
  }
  onTestModuleEnd({ moduleId }: TestModule): void {
    this.running.delete(moduleId)
  }
  onTestRunEnd(): void {
    clearInterval(this.timer)
  }

  private happened(id: string): Running | undefined {
    const file = this.running.get(id)
    if (file !== undefined) [file.at, file.notices] = [performance.now(), 0]
    return file
  }

  private check(now: number): void {
    for (const [id, file] of this.running) {
      const name = relative(process.cwd(), id)
      const silent = now - file.at
      if (silent >= NOTICE_AFTER * (file.notices + 1)) {
        file.notices += 1
        const doing = file.tests.size > 0 ? Array.from(file.tests).join('; ') : 'no test has started, or all have ended'
        console.log(`${name}: nothing has happened for ${Math.round(silent / MINUTE)} minutes (${doing})`)
      }
      if (silent > LONGEST_SILENCE || now - file.since > LONGEST_FILE) end(name)
    }
  }
}

/** Ends the run, and shows its processes: one that is stuck in a loop has used much time, and one that waits has not. */
function end(name: string): never {
  const { stdout } = spawnSync('ps', ['-eo', 'pid,ppid,stat,etime,time,args', '--sort=pid'], { encoding: 'utf8', timeout: 10_000 })
  const family = new Set([process.pid])
  const lines = (stdout ?? '').split('\n').filter((line) => {
    const [pid, parent] = line.trim().split(/\s+/, 2).map(Number)
    return family.has(parent!) && family.add(pid!)
  })
  console.log([`${name} is stuck, so the run ends here. Its processes:`, ...lines].join('\n'))
  process.exit(1)
}
