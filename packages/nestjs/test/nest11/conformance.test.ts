import { createRequire } from 'node:module'
import { NestFactory } from '@nestjs/core'
import { httpConformance } from '@sluice/testing'
import { expect, test } from 'vitest'
import { nestAdapter } from '../adapter.ts'

httpConformance('Nest 11, Express × memory', nestAdapter('express'))
httpConformance('Nest 11, Fastify × memory', nestAdapter('fastify'))

test('the tests run on Nest 11, loaded once', () => {
  const require = createRequire(import.meta.url)
  expect(require('@nestjs/core/package.json')).toMatchObject({ version: expect.stringMatching(/^11\./) as string })
  expect(NestFactory).toBe((require('@nestjs/core') as { NestFactory: unknown }).NestFactory)
})
