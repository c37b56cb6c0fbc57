// The same tests on the Nest version of this folder.
await import('../socket-errors.test.ts')
