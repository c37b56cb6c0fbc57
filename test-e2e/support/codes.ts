import { type Code, CODES, type CodeRegistry } from '@sluice/core'
import { BLOCKLIST_CODES } from '@sluice/blocklist'
import { CLI_CODES } from '@sluice/cli'
import { POLICY_CODES } from '@sluice/policies'
import { REDIS_CODES } from '@sluice/redis'
import { REGION_CODES } from '@sluice/regions'
import { SERVER_CODES } from '@sluice/server'
import { EVENT_CODES } from '@sluice/telemetry'

// Does not compile when a package declares codes that are not listed here.
const BY_PACKAGE: { readonly [P in keyof CodeRegistry]: readonly CodeRegistry[P][] } = {
  blocklist: BLOCKLIST_CODES,
  cli: CLI_CODES,
  core: CODES,
  events: EVENT_CODES,
  policies: POLICY_CODES,
  redis: REDIS_CODES,
  regions: REGION_CODES,
  server: SERVER_CODES,
}

/** Every code of every package: docs/errors.md explains all of them, and no other is ever thrown. */
export const ALL_CODES: readonly Code[] = Object.values(BY_PACKAGE).flat()
