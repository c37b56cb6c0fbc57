// The same tests, on the version of this folder.
await import('../decorators.test.ts')
