// Makes sure that Chromium is there for the tests of the console, and the font of its pictures, also by itself: `node scripts/chromium.ts`.
// Root on a system with apt gets them installed. Everybody else gets the command to type, and the tests fail with the same command.
import { ensureInstalled, problemOf } from './apt.ts'

export function ensureChromium(): Promise<void> {
  return ensureInstalled({ packages: ['chromium', 'fonts-inter'], variables: ['SLUICE_CHROMIUM'] }, () =>
    problemOf('browser/index.ts', 'chromiumBinary'),
  )
}

if (import.meta.main) await ensureChromium()
