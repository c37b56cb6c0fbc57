import { expect, test } from 'vitest'
import { createLimiter } from '../src/index.ts'

test('core comes along', () => expect(createLimiter).toBeTypeOf('function'))
