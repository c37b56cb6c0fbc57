import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Sample } from '../measure/rounds.ts'
import type { BenchServer } from './servers.ts'

const PROGRAM = join(import.meta.dirname, '../../.tools/servers/rls-load')

/** What is sent to a server. */
export interface Traffic {
  readonly protocol: 'envoy' | 'gubernator' | 'throttlecrab' | 'get' | 'post'
  /** Descriptors or checks of each call. Default: 1. */
  readonly parts?: number
  /** The namespace. Default: `bench`. */
  readonly domain?: string
  /** Subjects. Default: 1,000. */
  readonly users?: number
  /** Whether the answers have a decision that can be settled. Default: false. */
  readonly hasDecision?: boolean
  /** Whether refusals are expected. Default: false. */
  readonly isOver?: boolean
}

interface Measured {
  readonly calls: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly failed: number
}

/** Go builds the load generator: it takes less of the processors than one in Node. A build without changes takes a second. */
export function buildLoad(): void {
  mkdirSync(dirname(PROGRAM), { recursive: true })
  const options = { cwd: join(import.meta.dirname, '../rls-load'), env: { ...process.env, CGO_ENABLED: '0' }, stdio: 'inherit' } as const
  execFileSync('go', ['build', '-o', PROGRAM, '.'], options)
}

/**
 * Puts a server under load for `ms`.
 * @param perSecond calls at fixed times. Default: 64 in flight, as fast as the server answers
 */
export async function putUnderLoad(server: BenchServer, traffic: Traffic, ms: number, perSecond?: number): Promise<Sample> {
  const { protocol, parts = 1, domain = 'bench', users = 1_000, isOver = false, hasDecision = false } = traffic
  const address = protocol === 'get' || protocol === 'post' ? server.http : server.grpc
  const words = ['-protocol', protocol, '-address', address ?? '', '-domain', domain, '-for', `${ms}ms`]
  words.push('-parts', String(parts), '-users', String(users), ...(isOver ? ['-over'] : []), ...(hasDecision ? ['-decision'] : []))
  if (perSecond !== undefined) words.push('-rate', perSecond.toFixed(1), '-in-flight', '256')
  const before = [server.cpu(), await server.redisCpu()] as const
  const { stdout } = await promisify(execFile)(PROGRAM, words)
  const { calls, rate, p50, p99, failed } = JSON.parse(stdout) as Measured
  if (failed > 0) throw new Error(`${failed} of ${calls} calls failed: ${words.join(' ')}`)
  return { rate, p50, p99, cpu: (server.cpu() - before[0]) / calls, serverCpu: ((await server.redisCpu()) - before[1]) / calls }
}
