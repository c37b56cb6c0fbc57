import { createRequire } from 'node:module'
import { NestFactory } from '@nestjs/core'
import { httpConformance } from '@sluice/testing'
import { expect, test } from 'vitest'
import { nestAdapter } from '../adapter.ts'

httpConformance('Nest 10, Express × memory', nestAdapter('express'))
httpConformance('Nest 10, Fastify × memory', nestAdapter('fastify'))

test('the tests run on Nest 10, loaded once', () => {
  const require = createRequire(import.meta.url)
  expect(require('@nestjs/core/package.json')).toMatchObject({ version: expect.stringMatching(/^10\./) as string })
  expect(NestFactory).toBe((require('@nestjs/core') as { NestFactory: unknown }).NestFactory)
})
