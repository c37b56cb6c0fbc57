import { amendLimit, createLimiter, fixedWindow, tokenBucket } from '@sluice/core'
import { splitScope, stateIdOf, stateNameOf } from '@sluice/core/store-kit'
import { describe, expect, it } from 'vitest'
import { scopeOf } from '../src/scope.ts'

const bucket = (name: string) => tokenBucket({ name, limit: 10, window: '1m' })
// Two names of states whose 32-bit hashes are the same.
const [ONE, OTHER] = ['l49', 'l320752']

describe('a scope', () => {
  const { limit } = fixedWindow({ name: 'v1.minute-a', limit: 10, window: '1m' })

  it.each([
    ['api', undefined, 'api+v1.minute-a.fixedWindow'],
    ['~a.b-c', 'Users.find', '~a.b-c@Users.find+v1.minute-a.fixedWindow'],
  ])('%s, apart %s', (policy, apart, scope) => {
    expect(scopeOf(policy, apart, limit)).toBe(scope)
    expect(splitScope(scope)).toEqual({ policy: apart === undefined ? policy : `${policy}@${apart}`, state: 'v1.minute-a.fixedWindow' })
    expect(stateNameOf({ scope, limit })).toBe('v1.minute-a.fixedWindow.60000')
  })

  it('of another form is a policy', () => {
    expect(splitScope('anything/else')).toEqual({ policy: 'anything/else', state: '' })
  })
})

describe('the ids of states', () => {
  it('that are the same for two limits of a policy are refused when the policy is defined', () => {
    expect(stateIdOf(`${ONE}.tokenBucket.`)).toBe(stateIdOf(`${OTHER}.tokenBucket.`))
    const collision = expect.objectContaining({ code: 'ERR_NAME_COLLISION', message: expect.stringContaining(`"${ONE}.tokenBucket."`) })
    expect(() => createLimiter({ limits: [bucket(ONE), bucket(OTHER)] })).toThrow(collision)
    expect(() => createLimiter({ tiers: { free: [bucket(ONE)], paid: [bucket(OTHER)] } })).toThrow(collision)
  })

  it('may be the same where the states are apart', () => {
    expect(() => createLimiter({ limits: [bucket(ONE), amendLimit(bucket(OTHER), { scope: 'apart' })] })).not.toThrow()
    expect(() => createLimiter({ tiers: { free: [bucket(ONE)], paid: [bucket(ONE)] } })).not.toThrow()
  })
})

it('a set has at most 32 limits', () => {
  const limits = Array.from({ length: 33 }, (_, i) => bucket(`l${i}`))
  expect(() => createLimiter({ limits: limits.slice(1) })).not.toThrow()
  expect(() => createLimiter({ limits })).toThrow(
    expect.objectContaining({ code: 'ERR_OPTION_INVALID', message: expect.stringContaining('limits: expected at most 32 limits, got 33') }),
  )
})
