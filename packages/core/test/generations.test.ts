import { type Charge, createLimiter, fixedWindow, memoryStore, type Decision, type Limiter, type Store } from '@sluice/core'
import { generationIn, limiterIn, outdatedGeneration } from '@sluice/core/store-kit'
import { fakeClock } from '@sluice/testing'
import { expect, test } from 'vitest'
import { withGeneration } from '../src/scope.ts'

const limits = [fixedWindow({ name: 'hour', limit: 3, window: '1h' })]
const left = (decision: unknown): number => (decision as Decision).remaining

test('a scope has its limiter, its generation and what is set apart', () => {
  for (const [scope, limiter, generation] of [
    ['api+hour.fixedWindow', 'api', ''],
    ['~api+hour.fixedWindow', 'api', ''],
    ['api!x1@Cats.find+hour.fixedWindow', 'api', 'x1'],
    ['~api!x-1+hour.fixedWindow', 'api', 'x-1'],
    ['', '', ''],
  ] as const) {
    expect([limiterIn(scope), generationIn(scope)]).toEqual([limiter, generation])
    expect(withGeneration(scope, generation)).toBe(scope)
    expect(withGeneration(withGeneration(scope, 'y'), generation)).toBe(scope)
  }
})

test('Pf: limiters of one name on one store have one generation, also one that is made later', () => {
  const store = memoryStore({ clock: fakeClock() })
  const make = (name: string, mode: 'enforce' | 'shadow' = 'enforce') =>
    createLimiter({ name, limits, mode, store, on: { warning: () => {} } })
  const [one, two, other] = [make('api'), make('api'), make('web')]
  for (const limiter of [one, two, other]) void limiter.consume('a')
  void one.resetAll()
  expect([left(one.peek('a')), left(two.peek('a')), left(make('api').peek('a')), left(other.peek('a'))]).toEqual([3, 3, 3, 2])
  void two.consume('a')
  expect(left(one.peek('a'))).toBe(2)
  void one.resetAll()
  expect(left(two.peek('a'))).toBe(3)
})

test('resetAll ends the blocks of its limiter only, and a later block holds', () => {
  const store = memoryStore({ clock: fakeClock() })
  const [one, other] = ['api', 'web'].map((name) => createLimiter({ name, limits, store })) as [Limiter, Limiter]
  for (const limiter of [one, other]) void limiter.block('a', '1h')
  expect(one.consume('a')).toMatchObject({ verdict: 'blocked' })
  void one.resetAll()
  expect([one.unblock('a'), other.unblock('b')]).toEqual([false, false])
  expect(one.consume('a')).toMatchObject({ verdict: 'allowed', remaining: 2 })
  expect(other.consume('a')).toMatchObject({ verdict: 'blocked' })
  void one.block('a', '1h')
  expect(one.consume('a')).toMatchObject({ verdict: 'blocked' })
  expect(one.unblock('a')).toBe(true)
  expect(one.consume('a')).toMatchObject({ verdict: 'allowed', remaining: 1 })
})

test('Pf: states that resetAll has forgotten make room in a full store, and their tables are freed', () => {
  const clock = fakeClock()
  const store = memoryStore({ clock, maxSubjects: 100, overflow: 'deny' })
  const limiter = createLimiter({ name: 'api', limits, store })
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 100; i++) expect(limiter.consume(`${round}/${i}`, { cost: 3 })).toMatchObject({ allowed: true })
    expect(limiter.consume('one more')).toMatchObject({ allowed: false })
    void limiter.resetAll()
    // Each decision sweeps some.
    for (let i = 0; i < 20; i++) void limiter.peek('nobody')
  }
})

test('Pf: a block ends with resetAll', () => {
  const limiter = createLimiter({ limits, store: memoryStore({ clock: fakeClock() }) })
  void limiter.block('a', '1h')
  void limiter.resetAll()
  expect(limiter.consume('a')).toMatchObject({ allowed: true })
  void limiter.block('a', '1h')
  expect(limiter.consume('a')).toMatchObject({ verdict: 'blocked' })
})

test('Pf: a store without resetAll is refused', () => {
  const { consume, reset } = memoryStore()
  const store: Store = { name: 'own', consume, reset }
  expect(() => createLimiter({ limits, store }).resetAll()).toThrow(/ERR_RESET_ALL_UNSUPPORTED.*got "own"|"own".*ERR_RESET_ALL/s)
})

/** A store over memory that refuses charges of another generation than its own, which tests set. */
function storeOfGenerations() {
  const memory = memoryStore({ clock: fakeClock() })
  let listener: Parameters<NonNullable<Store['subscribe']>>[0] = () => undefined
  const at = { generation: '', store: undefined as never as Store }
  at.store = {
    name: 'own',
    async consume(charges, options) {
      if (charges.some(({ scope }) => generationIn(scope) !== at.generation)) {
        listener({ type: 'generation', limiter: 'default' })
        throw outdatedGeneration()
      }
      return memory.consume(charges, options)
    },
    reset: (targets) => memory.reset(targets),
    generationOf: () => at.generation,
    subscribe(one) {
      listener = one
      return () => undefined
    },
  }
  return at
}

test('a store that has lost its generations decides by the first again', async () => {
  const at = storeOfGenerations()
  at.generation = 'two'
  const limiter = createLimiter({ limits, store: at.store })
  const before = await limiter.consume('a')
  at.generation = ''
  expect(await limiter.consume('a')).toMatchObject({ allowed: true, remaining: 2, charges: [{ scope: 'default+hour.fixedWindow' }] })
  await limiter.refund(before)
  expect(left(await limiter.peek('a', { cost: 0 }))).toBe(2)
})

test('a limiter does not read its generation again when that of another limiter has changed', () => {
  const store = memoryStore({ clock: fakeClock() })
  const [one] = ['one', 'two'].map((name) => createLimiter({ name, limits, store }))
  const read: string[] = []
  const generationOf = store.generationOf?.bind(store)
  store.generationOf = (limiter) => {
    read.push(limiter)
    return generationOf?.(limiter) ?? ''
  }
  void one?.resetAll()
  expect(new Set(read)).toEqual(new Set(['one']))
})

test('a credit that the store refuses as outdated names the charges that it made again', async () => {
  const at = storeOfGenerations()
  const limiter = createLimiter({ limits, store: at.store })
  at.generation = 'two'
  expect(await limiter.credit('a')).toMatchObject({ remaining: 3, charges: [{ scope: 'default!two+hour.fixedWindow' }] })
})

test('a reset and a block that the store refuses as outdated are made again, unless they are current', async () => {
  const at = storeOfGenerations()
  const scopes: string[] = []
  const refuseOutdated = async ([target]: readonly { readonly scope: string }[]) => {
    scopes.push(target?.scope ?? '')
    await at.store.consume([{ ...(target as Charge), cost: 0 }], { how: 'peek' })
    return true
  }
  at.store.reset = refuseOutdated
  at.store.block = async (targets, ms) => ({ wasBlocked: await refuseOutdated(targets), until: ms })
  const limiter = createLimiter({ limits, store: at.store })
  for (const [generation, call] of [
    ['two', () => limiter.reset('a')],
    ['three', () => limiter.block('a', '1h')],
    ['four', () => limiter.unblock('a')],
  ] as const) {
    at.generation = generation
    scopes.length = 0
    await call()
    expect(scopes).toEqual([expect.any(String), `default!${generation}+hour.fixedWindow`])
  }
  at.store.reset = () => Promise.reject(outdatedGeneration())
  await expect(limiter.reset('a')).rejects.toThrow('resetAll')
})

test('a decision that is made again has the failure mode of the limiter, if the store then throws at once', async () => {
  const at = storeOfGenerations()
  const limiter = createLimiter({ limits, store: at.store, failMode: 'open', on: { warning: () => undefined } })
  const { consume } = at.store
  at.store.consume = (charges, options) => {
    if (charges.some(({ scope }) => generationIn(scope) === 'two')) throw new Error('away')
    return consume(charges, options)
  }
  at.generation = 'two'
  expect(await limiter.consume('a')).toMatchObject({ allowed: true, source: 'open' })
})

test('a decision that the store refuses as outdated is made again, unless it is current', async () => {
  const memory = memoryStore({ clock: fakeClock() })
  let generation = ''
  const store: Store = {
    name: 'own',
    async consume(charges, options) {
      if (charges.some(({ scope }) => generationIn(scope) !== generation || generation === 'never')) {
        listener({ type: 'generation', limiter: 'default' })
        throw outdatedGeneration()
      }
      return memory.consume(charges, options)
    },
    reset: (targets) => memory.reset(targets),
    generationOf: () => generation,
    subscribe(one) {
      listener = one
      return () => undefined
    },
  }
  let listener: Parameters<NonNullable<Store['subscribe']>>[0] = () => undefined
  const limiter = createLimiter({ limits, store })
  const before = await limiter.consume('a')
  generation = 'two'
  expect(await limiter.consume('a')).toMatchObject({ allowed: true, remaining: 2, charges: [{ scope: 'default!two+hour.fixedWindow' }] })
  await limiter.refund(before)
  expect(left(await limiter.peek('a'))).toBe(2)
  generation = 'three'
  // The limiter has not heard of it when it settles.
  const third = await limiter.consume('b')
  generation = 'four'
  await expect(limiter.settle(third, 0)).resolves.toBeUndefined()
  generation = 'never'
  await expect(limiter.consume('a')).rejects.toThrow('resetAll')
})
