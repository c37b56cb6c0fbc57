import { fixedWindow, header, ip, isSluiceError, type RequestLimiter } from '@sluice/core'
import type { AppParts, Fixture, Mount } from '../adapter.ts'
import type { HttpCase } from '../case.ts'
import type { RequestSpec } from '../client.ts'

const one = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const five = fixedWindow({ name: 'minute', limit: 5, window: '1m' })
const quiet = { standard: false, legacy: false } as const

const from = (address: string, ...more: readonly (readonly [string, string])[]): RequestSpec => ({
  path: '/a',
  headers: [['X-Forwarded-For', address], ...more],
})

type Command = (limiter: RequestLimiter<any>, context: unknown) => unknown

/** What a handler, a logger or another service does with the limiter of `rateLimit()`. A text that it returns is noted. */
const commands: Readonly<Record<string, Command>> = {
  'reset this': (limiter, context) => limiter.reset(context),
  'reset all': (limiter) => limiter.resetAll(),
  show: async (limiter, context) => `${limiter.clientAddress(context)} is ${(await limiter.subjectOf(context)) as string}`,
  peek: async (limiter, context) => `${(await limiter.peek(context)).remaining} left`,
  credit: async (limiter, context) => `${(await limiter.credit(context, { cost: 2 })).remaining} left`,
  'take a part': async (limiter, context) => `${(await limiter.consume(context, { cost: 4, atLeast: 2 })).granted} granted`,
  'wait no time': async (limiter, context) => `allowed: ${(await limiter.wait(context, { maxWait: 0 })).allowed}`,
  async 'wait for a credit'(limiter, context) {
    const waiting = limiter.wait(context, { maxWait: '50s' })
    // A store on the network has answered the wait before it answers the second peek.
    for (const _ of [1, 2]) await limiter.peek(context)
    await limiter.credit(context)
    return `allowed: ${(await waiting).allowed}`
  },
}

/** Any other command is the values of a subject to reset. */
async function commanded(fixture: Fixture, mount: Mount, context: unknown, command: string): Promise<true> {
  const limiter = fixture.limiterOf(mount)
  const run: Command = commands[command] ?? (() => limiter.reset(command.split(' ')))
  try {
    const note = await run(limiter, context)
    if (typeof note === 'string') fixture.note(note)
  } catch (error) {
    fixture.note(isSluiceError(error) ? error.code : String(error))
  }
  return true
}

function commandable(fixture: Fixture, options: Mount): AppParts {
  const skip = (context: unknown) => {
    const command = fixture.read.header(context, 'x-do')
    return command === undefined ? false : commanded(fixture, mount, context, command)
  }
  const mount: Mount = fixture.limits({ limits: [one], trustProxy: 1, skip, ...quiet, ...options })
  return { routes: ['/a', '/b'].map((path) => ({ path, use: [mount], answer: () => ({ json: { ok: true } }) })) }
}

/** What the limiter of `rateLimit()` does with requests and subjects, outside of its middleware. */
export const limiterCallCases: readonly HttpCase[] = [
  {
    name: 'F03: a limiter takes a request, and an address in any notation; it returns the subject and the address',
    app: (fixture) => commandable(fixture, {}),
    async run(t) {
      const client = '2001:db8:0:1ff::7'
      const sent = async (...more: readonly (readonly [string, string])[]) => (await t.send(from(client, ...more))).status
      t.is([await sent(), await sent()], [200, 429])
      for (const command of ['reset this', '2001:DB8:0:0100::0', '[2001:db8:0:1ff::9]:443', '2001:db8:0:100::/56']) {
        t.is([await sent(['X-Do', 'peek']), await sent(['X-Do', command]), await sent(['X-Do', 'peek'])], [200, 200, 200])
        t.is([await sent(), await sent()], [200, 429], command)
      }
      t.is([(await t.send(from('1.2.3.4'))).status, (await t.send(from('1.2.3.4'))).status], [200, 429])
      for (const command of ['show', '::ffff:1.2.3.4', 'ann', '1.2.3.4 a']) await t.send(from(client, ['X-Do', command]))
      t.is((await t.send(from('1.2.3.4'))).status, 200)
      const left = Array.from({ length: 4 }, () => ['0 left', '1 left']).flat()
      const shown = '2001:db8:0:1ff::7 is 2001:db8:0:100::/56'
      t.is((await t.log()).notes, [...left, shown, 'ERR_SUBJECT_INVALID', 'ERR_SUBJECT_INVALID'])
    },
  },
  {
    name: 'F03: a limiter takes the values of a key of several parts',
    app: (fixture) => commandable(fixture, { key: [header('x-user'), ip()] }),
    async run(t) {
      const sent = async (...more: readonly (readonly [string, string])[]) =>
        (await t.send(from('1.2.3.4', ['X-User', 'a:b'], ...more))).status
      t.is([await sent(), await sent()], [200, 429])
      t.is([await sent(['X-Do', 'a:b ::ffff:1.2.3.4']), await sent(), await sent()], [200, 200, 429])
      t.is([await sent(['X-Do', 'reset this']), await sent()], [200, 200])
      await sent(['X-Do', 'a:b'])
      t.is((await t.log()).notes, ['ERR_SUBJECT_INVALID'])
    },
  },
  {
    name: 'Pd: limiter.credit takes a request, and gives its units back',
    app: (fixture) => commandable(fixture, { limits: [five] }),
    async run(t) {
      const sent = async (...more: readonly (readonly [string, string])[]) => (await t.send(from('1.2.3.4', ...more))).status
      for (let i = 0; i < 5; i++) t.is(await sent(), 200)
      t.is(await sent(), 429)
      t.is((await t.send(from('5.6.7.8'))).status, 200)
      t.is([await sent(['X-Do', 'credit']), await sent(), await sent(), await sent()], [200, 200, 200, 429])
      t.is((await t.log()).notes, ['2 left'])
      await t.send(from('5.6.7.8', ['X-Do', 'peek']))
      t.is((await t.log()).notes, ['2 left', '4 left'])
    },
  },
  {
    name: 'M5: limiter.wait takes a request, and waits at most maxWait',
    app: (fixture) => commandable(fixture, {}),
    async run(t) {
      const sent = async (...more: readonly (readonly [string, string])[]) => (await t.send(from('1.2.3.4', ...more))).status
      await sent(['X-Do', 'wait no time'])
      t.is(await sent(), 429)
      await sent(['X-Do', 'wait no time'])
      t.is((await t.log()).notes, ['allowed: true', 'allowed: false'])
      await t.advance(30_000)
      await sent(['X-Do', 'wait for a credit'])
      t.is((await t.log()).notes.at(-1), 'allowed: true')
      t.is(await sent(), 429)
    },
  },
  {
    name: 'Pf: limiter.resetAll forgets every client',
    requires: ['reset of all'],
    app: (fixture) => commandable(fixture, {}),
    async run(t) {
      const both = async () => [(await t.send(from('1.2.3.4'))).status, (await t.send(from('5.6.7.8'))).status]
      t.is(
        [await both(), await both()],
        [
          [200, 200],
          [429, 429],
        ],
      )
      await t.send(from('1.2.3.4', ['X-Do', 'reset all']))
      t.is(
        [await both(), await both()],
        [
          [200, 200],
          [429, 429],
        ],
      )
      t.is((await t.log()).notes, [])
    },
  },
  {
    name: 'limiter.consume takes a request, and with atLeast a part of the cost',
    app: (fixture) => commandable(fixture, { limits: [five] }),
    async run(t) {
      t.is((await t.send(from('1.2.3.4'))).status, 200)
      t.is((await t.send(from('1.2.3.4'))).status, 200)
      for (const _ of [1, 2]) await t.send(from('1.2.3.4', ['X-Do', 'take a part']))
      t.is((await t.log()).notes, ['3 granted', '0 granted'])
      t.is((await t.send(from('1.2.3.4'))).status, 429)
    },
  },
]
