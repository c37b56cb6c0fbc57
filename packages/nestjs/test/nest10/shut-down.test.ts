// The same tests on the Nest version of this folder.
await import('../shut-down.test.ts')
