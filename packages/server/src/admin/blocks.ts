import type { BlockList, BlockRecord } from '@sluice/blocklist'
import type { Duration } from '@sluice/core'
import { json } from '../http/answers.ts'
import type { Answer } from '../http/route.ts'
import type { Admin } from './admin.ts'
import { AdminError } from './admin-error.ts'
import type { Call, Endpoints } from './endpoint.ts'
import { numberIn, optionalText, textOf, wrong } from './read.ts'
import { ALL } from './scopes.ts'

const MAX_TARGET = 1_024
const MAX_REASON = 200

/** Who is blocked, and who is exempt. The list is one for all namespaces. */
export function blockEndpoints(admin: Admin): Endpoints {
  const namespace = (): string => ALL
  const common = { action: 'blocks', namespace } as const
  return [
    {
      method: 'GET',
      path: 'blocks',
      action: 'read',
      namespace,
      summary: 'The entries of the block list, those that end first before the others.',
      handle: (call) => list(admin, call),
    },
    {
      method: 'GET',
      path: 'blocks/why',
      action: 'read',
      namespace,
      summary: 'Why the target `target` is blocked, or not.',
      handle: (call) => why(admin, call),
    },
    {
      ...common,
      method: 'POST',
      path: 'blocks',
      writes: 'blocks.block',
      summary: 'Blocks `target` for the time `for`, in every process.',
      handle: (call) => block(admin, call),
    },
    {
      ...common,
      method: 'DELETE',
      path: 'blocks',
      writes: 'blocks.unblock',
      summary: 'Ends the block of `target`.',
      handle: (call) => remove(admin, call, 'unblock'),
    },
    {
      ...common,
      method: 'POST',
      path: 'blocks/allow',
      writes: 'blocks.allow',
      summary: 'Exempts `target` from blocks.',
      handle: (call) => allow(admin, call),
    },
    {
      ...common,
      method: 'DELETE',
      path: 'blocks/allow',
      writes: 'blocks.disallow',
      summary: 'Ends the exemption of `target`.',
      handle: (call) => remove(admin, call, 'disallow'),
    },
  ]
}

/** @throws AdminError (409) without a block list */
function listOf({ blocks }: Admin): BlockList {
  if (blocks !== undefined) return blocks
  throw new AdminError(409, 'ERR_ADMIN_REQUEST', 'blockList: expected a block list, got none; start the service with one')
}

async function list(admin: Admin, { query }: Call): Promise<Answer> {
  const most = numberIn(query, 'limit', 1, 10_000, 1_000)
  const records = admin.blocks === undefined ? [] : await admin.blocks.list()
  return json(200, { rows: records.slice(0, most).map(rowOf), total: records.length, isOn: admin.blocks !== undefined })
}

async function why(admin: Admin, call: Call): Promise<Answer> {
  const { target, blocked, allowed, counting, level } = await listOf(admin).why(targetIn(call.query))
  return json(200, {
    target,
    blocked: blocked === undefined ? null : rowOf(blocked),
    allowed: allowed === undefined ? null : rowOf(allowed),
    counting: counting ?? null,
    level,
  })
}

async function block(admin: Admin, call: Call): Promise<Answer> {
  const { body } = call
  const target = targetOf(call)
  const duration = durationOf(body['for'])
  const reason = optionalText(body, 'reason', MAX_REASON)
  const { action } = body
  if (action !== undefined && action !== 'refuse' && action !== 'drop' && action !== 'shadow')
    throw wrong('action', 'refuse, drop or shadow', action)
  const blocks = listOf(admin)
  call.audit.before = (await blocks.why(target)).blocked
  const record = await blocks.block(target, duration, { reason, action })
  call.audit.after = record
  return json(200, rowOf(record))
}

async function allow(admin: Admin, call: Call): Promise<Answer> {
  const { body } = call
  const target = targetOf(call)
  const duration = body['for'] === undefined ? undefined : durationOf(body['for'])
  const blocks = listOf(admin)
  call.audit.before = (await blocks.why(target)).blocked
  const record = await blocks.allow(target, { duration, reason: optionalText(body, 'reason', MAX_REASON) })
  call.audit.after = record
  return json(200, rowOf(record))
}

async function remove(admin: Admin, call: Call, how: 'unblock' | 'disallow'): Promise<Answer> {
  const target = targetIn(call.query)
  call.audit.target = target
  const blocks = listOf(admin)
  const { blocked, allowed } = await blocks.why(target)
  call.audit.before = how === 'unblock' ? blocked : allowed
  const wasThere = await blocks[how](target)
  return json(wasThere ? 200 : 404, { target, wasThere })
}

function targetOf(call: Call): string {
  const target = textOf(call.body, 'target', MAX_TARGET)
  call.audit.target = target
  return target
}

function targetIn(query: URLSearchParams): string {
  const target = query.get('target') ?? ''
  if (target === '' || target.length > MAX_TARGET) throw wrong('target', `a text of 1 to ${MAX_TARGET} characters`, target)
  return target
}

function durationOf(value: unknown): Duration {
  if (typeof value === 'string' && /^\d{1,9}(?:ms|s|m|h|d)$/.test(value)) return value as Duration
  throw wrong('for', 'a time such as 30m, 6h or 2d: every block ends', value)
}

/** JSON has no Infinity. */
function rowOf(record: BlockRecord): object {
  return { ...record, until: record.until === Infinity ? null : record.until }
}
