// Makes sure that zsh and fish are there for the tests of completion, also by itself: `node scripts/shells.ts`. Root on a system with apt gets
// them installed. Everybody else gets the command to type, and the tests fail with the same command.
import { ensureInstalled, problemOf } from './apt.ts'

const SHELLS = ['zsh', 'fish']

export function ensureShells(): Promise<void> {
  return ensureInstalled({ packages: SHELLS, variables: ['SLUICE_ZSH', 'SLUICE_FISH'] }, async () => {
    const problems = await Promise.all(SHELLS.map((name) => problemOf('shells/index.ts', 'shellBinary', name)))
    return problems.find((problem) => problem !== undefined)
  })
}

if (import.meta.main) await ensureShells()
