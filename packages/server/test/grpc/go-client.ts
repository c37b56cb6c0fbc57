// The client of grpc-go, which Go builds from go-client/. The first build fetches its modules; later ones take a second.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface GoClient {
  /** The program. */
  readonly path: string
  remove(): void
}

/** @throws with what to install. No test is skipped. */
export function buildGoClient(): GoClient {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-go-'))
  const path = join(folder, 'go-client')
  const { status, stderr, error } = spawnSync('go', ['build', '-o', path, '.'], {
    cwd: join(import.meta.dirname, 'go-client'),
    env: { ...process.env, CGO_ENABLED: '0' },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`The client of grpc-go needs Go 1.26: https://go.dev/dl\n${stderr ?? ''}${error ?? ''}`)
  return { path, remove: () => rmSync(folder, { recursive: true }) }
}
