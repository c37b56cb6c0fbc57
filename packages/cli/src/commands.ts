import { bench } from './bench/bench.ts'
import { allow } from './blocks/allow.ts'
import { block } from './blocks/block.ts'
import { blocks } from './blocks/blocks.ts'
import { disallow, unblock } from './blocks/unblock.ts'
import { why } from './blocks/why.ts'
import type { Command } from './command.ts'
import { completionOf } from './completion/completion.ts'
import { doctor } from './doctor/doctor.ts'
import { watch } from './events/watch.ts'
import { diff } from './policies/diff.ts'
import { history } from './policies/history.ts'
import { importCommand } from './policies/import.ts'
import { lint } from './policies/lint.ts'
import { publish } from './policies/publish.ts'
import { replayCommand } from './policies/replay.ts'
import { rollback } from './policies/rollback.ts'
import { test } from './policies/test.ts'
import { regionsResend } from './regions/resend.ts'
import { regionsShares } from './regions/shares.ts'
import { regionsStatus } from './regions/status.ts'
import { check, peek } from './service/check.ts'
import { serveCommand } from './serve/serve.ts'
import { inspect } from './subjects/inspect.ts'
import { reset } from './subjects/reset.ts'
import { hashToken, newToken } from './tokens/tokens.ts'
import { top } from './redis/top.ts'

/** All commands, in the order of help. */
export const COMMANDS: readonly Command[] = [
  serveCommand,
  check,
  peek,
  lint,
  diff,
  test,
  replayCommand,
  publish,
  rollback,
  history,
  importCommand,
  inspect,
  reset,
  top,
  watch,
  block,
  unblock,
  why,
  blocks,
  allow,
  disallow,
  regionsStatus,
  regionsShares,
  regionsResend,
  bench,
  newToken,
  hashToken,
  doctor,
  completionOf(() => COMMANDS),
]
