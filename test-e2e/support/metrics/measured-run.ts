// A real Redis, a process that decides over it, and a real Prometheus that scrapes the process with the rules that are shipped.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Prometheus, startPrometheus } from '@sluice/testing/prometheus'
import { startRedis } from '@sluice/testing/redis'
import { nodeProgram, runProgram } from '../running-program.ts'
import { ROOT } from '../workspace.ts'

const POLICIES = `
apiVersion: sluice/v1
namespace: shop
revision: 7
subjects: { client: { parts: [{ attribute: client }] } }
policies:
  - name: orders
    rules: [{ name: all, limits: [{ name: minute, algorithm: slidingWindow, limit: 50, window: 1m, subject: client }] }]
  - name: trial
    mode: shadow
    rules: [{ name: all, limits: [{ name: hour, algorithm: fixedWindow, limit: 1, window: 1h, subject: client }] }]
`

export interface MeasuredRun {
  /** `host:port` of the process that serves /metrics. */
  readonly target: string
  readonly prometheus: Prometheus
  stop(): Promise<void>
}

/** @param alertmanager `host:port` of the one that gets the alerts. Then none of them waits for the time that it must last. */
export async function startMeasuredRun(alertmanager?: string): Promise<MeasuredRun> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-metrics-'))
  const [policies, rules] = [join(folder, 'policies.yaml'), join(folder, 'rules.yml')]
  writeFileSync(policies, POLICIES)
  const shipped = readFileSync(join(ROOT, 'deploy/prometheus/rules.yml'), 'utf8')
  writeFileSync(rules, alertmanager === undefined ? shipped : shipped.replaceAll(/for: \dm/g, 'for: 0s'))
  const redis = await startRedis()
  const program = runProgram([...nodeProgram('test-e2e/support/metrics/measured-process.ts'), redis.url, policies])
  const [, port] = await program.waitFor(/listening on (\d+)/)
  const target = `127.0.0.1:${port}`
  const prometheus = await startPrometheus({ targets: [target], rules, ...(alertmanager !== undefined && { alertmanager }) })
  return {
    target,
    prometheus,
    async stop() {
      program.stop()
      await Promise.all([prometheus.stop(), redis.stop()])
      rmSync(folder, { recursive: true })
    },
  }
}
