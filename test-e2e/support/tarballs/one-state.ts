// A program that loads each package in both forms. Prints `ok`.

/** CommonJS, to run where the packages and their frameworks are installed. `entries` are names for `require()` and `import()`. */
export const oneState = (entries: readonly string[]): string => `
const assert = require('node:assert/strict')
const entries = ${JSON.stringify(entries)}
// Names that Node adds to the namespace of a CommonJS module.
const added = new Set(['default', 'module.exports', '__esModule'])
const namesOf = (namespace) => Object.keys(namespace).filter((name) => !added.has(name)).sort()

const main = async () => {
  for (const [i, entry] of entries.entries()) {
    // Whichever comes first.
    const first = i % 2 === 0 ? require(entry) : await import(entry)
    const second = i % 2 === 0 ? await import(entry) : require(entry)
    assert.deepEqual(namesOf(second), namesOf(first))
    assert.ok(namesOf(first).length > 0, entry)
    for (const name of namesOf(first)) assert.equal(second[name], first[name], entry + ': ' + name)
  }

  const required = require('@sluice/core')
  const imported = await import('@sluice/core')
  const minute = (core, limit) => core.slidingWindow({ name: 'minute', limit, window: '1m' })
  const store = required.memoryStore()
  const warned = []
  const on = { warning: ({ code }) => warned.push(code) }
  const limiter = required.createLimiter({ name: 'one', limits: [minute(required, 1)], store, on })
  assert.throws(() => imported.createLimiter({ name: 'one', limits: [minute(imported, 2)], store }), (error) => {
    assert.ok(required.isSluiceError(error) && error instanceof required.SluiceError)
    return error.code === 'ERR_NAME_TAKEN'
  })
  // A limiter of one form is known to the other, and is mounted by its adapters.
  const decision = await limiter.consume('ann')
  const other = imported.createLimiter({ name: 'one', limits: [minute(imported, 1)], store, on })
  assert.deepEqual(warned, ['WARN_NAME_SHARED'])
  assert.equal((await other.peek('ann')).allowed, false)
  await limiter.refund(decision)
  assert.equal((await other.peek('ann')).allowed, true)
  const { rateLimit } = await import('@sluice/fetch')
  const limited = rateLimit(() => new Response('hello'), { limiter, key: () => 'ann' })
  const statuses = []
  for (let i = 0; i < 2; i++) statuses.push((await limited(new Request('http://sluice.test'))).status)
  assert.deepEqual(statuses, [200, 429])
  required.setEnabled(false)
  assert.equal((await limited(new Request('http://sluice.test'))).status, 200)
  console.log('ok')
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`
