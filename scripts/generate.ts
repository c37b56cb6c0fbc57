// `npm run generate`: writes the files that are made from others: the fields that all packages share, the embedded Lua, and the reference
// of the policy document.
await import('./embed-lua.ts')
await import('./policy-reference.ts')
await import('./package-fields.ts')
