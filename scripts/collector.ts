// Makes sure that the OpenTelemetry Collector is there: `node scripts/collector.ts`. Its own builder makes it from Go modules into .tools, with
// a receiver of OTLP and an exporter to Prometheus: about 5 minutes, once. Only `npm run test:all` runs the test on it.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** ms. One core compiles for about 5 minutes. */
const TIMEOUT = 1_800_000

/** Returns what is missing, and what to type. */
export async function ensureCollector(): Promise<string | undefined> {
  const { href } = new URL('../packages/testing/src/prometheus/collector.ts', import.meta.url)
  const { COLLECTOR_VERSION, collectorProgram } = (await import(href)) as {
    readonly COLLECTOR_VERSION: string
    readonly collectorProgram: () => string
  }
  const program = collectorProgram()
  if (existsSync(program)) return undefined
  console.log(`Building the OpenTelemetry Collector ${COLLECTOR_VERSION} for the tests (once, about 5 minutes)…`)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-collector-'))
  try {
    const config = {
      dist: { name: 'otelcol', output_path: join(folder, 'out'), module: 'local/otelcol' },
      receivers: [{ gomod: `go.opentelemetry.io/collector/receiver/otlpreceiver v${COLLECTOR_VERSION}` }],
      exporters: [{ gomod: 'github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter v0.165.1' }],
    }
    // JSON is YAML.
    writeFileSync(join(folder, 'builder.yaml'), JSON.stringify(config))
    const steps = [
      ['go', 'install', `go.opentelemetry.io/collector/cmd/builder@v${COLLECTOR_VERSION}`],
      [join(folder, 'builder'), '--config', join(folder, 'builder.yaml')],
    ] as const
    for (const [command, ...args] of steps) {
      const options = {
        env: { ...process.env, GOBIN: folder, CGO_ENABLED: '0' },
        encoding: 'utf8',
        timeout: TIMEOUT,
        maxBuffer: 2 ** 26,
      } as const
      const { status, stdout, stderr, error } = spawnSync(command, args, options)
      if (status !== 0)
        return `The tests need the OpenTelemetry Collector: install Go, then node scripts/collector.ts\n${stdout ?? ''}${stderr ?? ''}${error ?? ''}`
    }
    mkdirSync(dirname(program), { recursive: true })
    // Renamed, so that an interrupted run leaves no half of it. The temporary folder may be on another disk.
    spawnSync('cp', [join(folder, 'out/otelcol'), `${program}.new`])
    renameSync(`${program}.new`, program)
    return undefined
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

if (import.meta.main) console.log((await ensureCollector()) ?? 'The OpenTelemetry Collector is there.')
