// Entry `@sluice/testing/browser`: the browser of this machine.
import { installedProgram } from '../processes/installed-program.ts'

/** Whole paths: what drives a browser does not look on PATH. */
const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** The path of Chromium: SLUICE_CHROMIUM, else the first one that runs. @throws with how to install it */
export function chromiumBinary(): string {
  return installedProgram({ name: 'chromium', variable: 'SLUICE_CHROMIUM', apt: 'chromium fonts-inter', brew: '--cask chromium' }, PLACES)
}

/** What Chromium is started with: as root in a container, and without a look at the network by itself. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
