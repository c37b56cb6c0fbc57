/// <reference types="node" />
import { execFileSync } from 'node:child_process'

/**
 * The path of `etcd`: SLUICE_ETCD, else the one on PATH.
 * @throws with how to install it. No test is skipped.
 */
export function etcdBinary(): string {
  const binary = process.env['SLUICE_ETCD'] || 'etcd'
  try {
    execFileSync(binary, ['--version'], { stdio: 'ignore', timeout: 10_000 })
    return binary
  } catch {
    throw new Error(
      [
        'The tests need etcd, and it does not run.',
        'Debian, Ubuntu: sudo apt-get install --no-install-recommends etcd-server',
        'macOS: brew install etcd',
        'anywhere: SLUICE_ETCD=/path/to/etcd',
      ].join('\n  '),
    )
  }
}
