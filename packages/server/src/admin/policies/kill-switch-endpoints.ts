import { parseDocument } from '@sluice/policies'
import { json } from '../../http/answers.ts'
import type { Answer } from '../../http/route.ts'
import { repeatedText } from '../../publish/repeated-text.ts'
import type { Admin } from '../admin.ts'
import { AdminError } from '../admin-error.ts'
import type { Call, Endpoints } from '../endpoint.ts'
import { futureOf, textOf, wrong } from '../read.ts'
import { killSwitchIn, switchedOff } from './kill-switch.ts'
import { MAX_NOTE } from './publisher.ts'
import { keptOf, storedOf } from './write-endpoints.ts'

/** Admits everything of a namespace for a while. It is a revision as any other: every process has it, and the history too. */
export function killSwitchEndpoints(admin: Admin): Endpoints {
  return [
    {
      method: 'GET',
      path: 'kill-switch',
      action: 'read',
      summary: 'Lists the namespaces that are switched off.',
      handle: ({ identity: { scopes } }) => {
        const { feed, publications } = admin
        const rows = feed.namespaces.flatMap((namespace) => {
          const off = scopes.allows('read', namespace) ? publications.switchOf(namespace) : undefined
          return off === undefined ? [] : [{ namespace, ...off, until: off.until ?? null }]
        })
        return json(200, { rows })
      },
    },
    {
      method: 'POST',
      path: 'kill-switch',
      action: 'policies',
      namespace: ({ body }) => textOf(body, 'namespace', 64),
      writes: 'policies.kill-switch',
      summary: 'Switches the limits of a namespace `off`, until an instant or until they are switched `on`.',
      handle: (call) => set(admin, call),
    },
  ]
}

async function set(admin: Admin, call: Call): Promise<Answer> {
  const { body } = call
  const namespace = textOf(body, 'namespace', 64)
  const { mode } = body
  if (mode !== 'off' && mode !== 'on') throw wrong('mode', 'off or on', mode)
  const reason = textOf(body, 'reason', MAX_NOTE)
  call.audit.note = `${mode}: ${reason}`
  return mode === 'off' ? await switchOff(admin, call, namespace, reason) : await switchOn(admin, call, namespace)
}

async function switchOff(admin: Admin, call: Call, namespace: string, reason: string): Promise<Answer> {
  const { clock, publisher } = admin
  const until = futureOf(call.body, 'until', clock.now())
  const current = await storedOf(admin, namespace)
  const off = killSwitchIn(current.text, current, -Infinity)
  // Another end: from the document as it was, in which nothing is switched off.
  const base = off === undefined ? current : await keptOf(admin, namespace, off.previous)
  const revision = current.revision + 1
  const killSwitch = {
    revision,
    previous: base.revision,
    until: until === undefined ? undefined : new Date(until).toISOString(),
    by: call.identity.name,
    reason,
  }
  const text = switchedOff(base.text, killSwitch)
  // Never a document that processes would refuse.
  parseDocument(text, { source: 'the document with the switch' })
  return publisher.publish(call, { namespace, revision, text }, current.revision, current)
}

async function switchOn(admin: Admin, call: Call, namespace: string): Promise<Answer> {
  const current = await storedOf(admin, namespace)
  const off = killSwitchIn(current.text, current, -Infinity)
  if (off === undefined)
    throw new AdminError(
      409,
      'ERR_ADMIN_REQUEST',
      `namespace: expected one that is switched off, got ${namespace}, whose revision ${current.revision} is not of a switch; roll back to the revision that you want`,
    )
  const { text } = await keptOf(admin, namespace, off.previous)
  const revision = current.revision + 1
  return admin.publisher.publish(call, { namespace, revision, text: repeatedText(text, revision, off.previous) }, current.revision, current)
}
