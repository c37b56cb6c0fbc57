// `npm run generate`: writes the files that are made from others: the fields that all packages share, the embedded Lua, the reference of
// the policy document, the sections of docs/cli.md, the table of metrics, the dashboards of Grafana, and the descriptors of gRPC.
await import('./embed-lua.ts')
await import('./policy-reference.ts')
await import('./cli-reference.ts')
await import('./metrics-reference.ts')
await import('./server-reference.ts')
await import('./grafana.ts')
await import('./descriptors.ts')
await import('./package-fields.ts')
