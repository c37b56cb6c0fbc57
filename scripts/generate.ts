// `npm run generate`: writes the files that are made from others: the fields that all packages share, and the embedded Lua.
await import('./embed-lua.ts')
await import('./package-fields.ts')
