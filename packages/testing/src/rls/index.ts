// Entry `@sluice/testing/rls`: other rate limit services, for tests and benchmarks. `node scripts/rls.ts` builds them.

export { RLS_PROGRAMS, type RlsProgram, rlsProgram, rlsProgramPath } from './programs.ts'
export { type EnvoyRateLimit, type StartEnvoyRateLimit, startEnvoyRateLimit } from './envoy-ratelimit.ts'
