import { CHROMIUM_FLAGS, chromiumBinary } from '@sluice/testing/browser'
import { type Browser, chromium } from 'playwright-core'

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumBinary(), args: [...CHROMIUM_FLAGS] })
}
