import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Host } from '../../src/http/host.ts'
import { type ClientOptions, clientAddress } from '../../src/identity/client.ts'
import { forwarded, xForwardedFor } from '../../src/identity/forwarded.ts'

interface Request {
  readonly peer?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}
const host: Host<Request> = {
  id: (request) => request,
  method: () => 'GET',
  address: (request) => request.peer,
  header: (request, name) => request.headers?.[name],
}

/** One request, by everything it may carry. */
function resolve(options: ClientOptions<Request>, peer: string | undefined, xff?: string, fwd?: string) {
  const warnings: string[] = []
  const headers = { ...(xff === undefined ? {} : { 'x-forwarded-for': xff }), ...(fwd === undefined ? {} : { forwarded: fwd }) }
  const client = clientAddress(host, options, (code) => warnings.push(code))({ peer, headers })
  return { client, warnings }
}
const client = (...args: Parameters<typeof resolve>) => resolve(...args).client

describe('without trust', () => {
  it.each([
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['2001:db8:0:1ff::1', '2001:db8:0:100::/56'],
    ['fe80::1%eth0', 'fe80::/56'],
    [undefined, undefined],
    ['', undefined],
    ['unix:', undefined],
  ])('the connection is the client: %s is %s', (peer, expected) => {
    expect(client({}, peer, '9.9.9.9', 'for=8.8.8.8')).toBe(expected)
    expect(client({ trustProxy: 0 }, peer, '9.9.9.9')).toBe(expected)
    expect(client({ hostTrusts: true }, peer, '9.9.9.9')).toBe(peer === undefined ? undefined : (expected ?? '0.0.0.0'))
  })

  it('cuts an IPv6 address to ipv6Prefix', () => {
    expect(client({ ipv6Prefix: 64 }, '2001:db8:0:1ff::1')).toBe('2001:db8:0:1ff::/64')
    expect(client({ ipv6Prefix: 32, trustProxy: 1 }, '::1', '2001:db8:0:1ff::1')).toBe('2001:db8::/32')
  })
})

describe('a number of hops', () => {
  it.each([
    [1, '1.1.1.1', '1.1.1.1'],
    [1, '6.6.6.6, 1.1.1.1', '1.1.1.1'],
    [2, '6.6.6.6, 1.1.1.1, 2.2.2.2', '1.1.1.1'],
    [3, '1.1.1.1, 2.2.2.2', '1.1.1.1'],
    [32, '1.1.1.1,2.2.2.2', '1.1.1.1'],
    [1, ' 1.1.1.1\t', '1.1.1.1'],
    [1, '1.1.1.1:4711', '1.1.1.1'],
    [1, '[2001:db8::1]:4711', '2001:db8::/56'],
    [1, '::ffff:1.1.1.1', '1.1.1.1'],
    [1, '', '127.0.0.1'],
    [1, ',', '127.0.0.1'],
    [1, '1.1.1.1, unknown', '127.0.0.1'],
    [2, '1.1.1.1, unknown', '1.1.1.1'],
    [2, 'unknown, 2.2.2.2', '2.2.2.2'],
    [2, '6.6.6.6,, 2.2.2.2', '2.2.2.2'],
    [2, ',', '127.0.0.1'],
    [1, '6.6.6.6, 010.0.0.1', '127.0.0.1'],
  ])('%i of "%s" is %s', (trustProxy, xff, expected) => {
    expect(client({ trustProxy }, '127.0.0.1', xff)).toBe(expected)
  })

  it('counts a connection without an address as a hop', () => {
    expect(client({ trustProxy: 1 }, undefined, '6.6.6.6, 1.1.1.1')).toBe('1.1.1.1')
    expect(client({ trustProxy: 2 }, undefined, '6.6.6.6, 1.1.1.1, 2.2.2.2')).toBe('1.1.1.1')
    expect(client({ trustProxy: 1 }, undefined)).toBeUndefined()
  })

  it('trap: X-Forwarded-For is not read from the left', () => {
    const garbage = fc.oneof(fc.string({ unit: 'binary', maxLength: 40 }), fc.ipV4(), fc.ipV6(), fc.constant(','), fc.constant('"'))
    fc.assert(
      fc.property(fc.array(garbage, { maxLength: 4 }), (forged) => {
        const list = [...forged, '1.1.1.1', '10.0.0.1'].join(', ')
        expect(client({ trustProxy: 2 }, '10.0.0.2', list)).toBe('1.1.1.1')
        expect(client({ trustProxy: ['10.0.0.0/8'] }, '10.0.0.2', list)).toBe('1.1.1.1')
      }),
    )
  })

  it('trap: clients behind a trusted proxy do not share one subject', () => {
    for (const trustProxy of [1, ['loopback']]) {
      expect(client({ trustProxy }, '127.0.0.1', '1.1.1.1')).toBe('1.1.1.1')
      expect(client({ trustProxy }, '127.0.0.1', '2.2.2.2')).toBe('2.2.2.2')
    }
    // Without the option it is one bucket, and says so.
    expect(resolve({}, '127.0.0.1', '1.1.1.1')).toEqual({ client: '127.0.0.1', warnings: ['WARN_FORWARDED_UNTRUSTED'] })
  })
})

describe('trusted blocks', () => {
  const trustProxy = ['10.0.0.0/8', 'fd00::/8', '192.0.2.7']
  it.each([
    ['8.8.8.8', '1.1.1.1', '8.8.8.8'],
    ['10.0.0.1', '1.1.1.1', '1.1.1.1'],
    ['::ffff:10.0.0.1', '1.1.1.1', '1.1.1.1'],
    ['::ffff:a00:1', '1.1.1.1', '1.1.1.1'],
    ['fd00::1', '1.1.1.1', '1.1.1.1'],
    ['10.0.0.1', '6.6.6.6, 1.1.1.1, 10.9.9.9', '1.1.1.1'],
    ['10.0.0.1', '6.6.6.6, 1.1.1.1, [fd12::1]:80, 192.0.2.7:99', '1.1.1.1'],
    ['10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['10.0.0.1', '6.6.6.6, unknown, 10.0.0.2', '10.0.0.2'],
    ['10.0.0.1', '6.6.6.6, _secret', '10.0.0.1'],
    ['10.0.0.1', '6.6.6.6, ', '10.0.0.1'],
    ['10.0.0.1', '', '10.0.0.1'],
    ['192.0.2.8', '1.1.1.1', '192.0.2.8'],
    ['unix:', '1.1.1.1', undefined],
  ])('from %s, "%s" is %s', (peer, xff, expected) => {
    expect(client({ trustProxy }, peer, xff)).toBe(expected)
  })

  it('do not contain a connection without an address, which may be a closed one', () => {
    expect(client({ trustProxy: ['loopback'] }, undefined, '1.1.1.1')).toBeUndefined()
  })

  it.each([
    ['loopback', ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']],
    ['private', ['10.1.1.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fd00::1', 'fc00::1']],
    ['linklocal', ['169.254.1.1', 'fe80::1%eth0']],
  ])('%s names a set', (name, members) => {
    for (const member of members) expect(client({ trustProxy: [name] }, member, '1.1.1.1')).toBe('1.1.1.1')
    for (const other of ['172.32.0.1', '11.0.0.1', '2001:db8::1', '100.64.0.1']) {
      expect(client({ trustProxy: [name] }, other, '1.1.1.1')).not.toBe('1.1.1.1')
    }
  })

  it('are copied, so that a later change of the list has no effect', () => {
    const list = ['10.0.0.0/8']
    const resolver = clientAddress(host, { trustProxy: list }, () => {})
    list[0] = '0.0.0.0/0'
    expect(resolver({ peer: '8.8.8.8', headers: { 'x-forwarded-for': '1.1.1.1' } })).toBe('8.8.8.8')
  })

  it('may be many in one header', () => {
    expect(client({ trustProxy }, '10.0.0.1', `6.6.6.6, unknown, ${'10.0.0.2,'.repeat(5_000)}10.0.0.3`)).toBe('10.0.0.2')
    expect(client({ trustProxy, forwardedHeader: 'forwarded' }, '10.0.0.1', undefined, `for=${'"\\'.repeat(50_000)}`)).toBe('10.0.0.1')
  })
})

describe('Forwarded', () => {
  const forwardedHeader = 'Forwarded'
  it.each([
    ['for=1.1.1.1', '1.1.1.1'],
    ['For=1.1.1.1;proto=https;by=203.0.113.43', '1.1.1.1'],
    ['proto=https; for="1.1.1.1:4711" ; host=example.com', '1.1.1.1'],
    ['for="[2001:db8:0:1ff::17]:4711"', '2001:db8:0:100::/56'],
    ['for="[2001:db8::17]:_x"', '2001:db8::/56'],
    ['for="\\1.1.\\1.1"', '1.1.1.1'],
    ['for=6.6.6.6, for=1.1.1.1', '1.1.1.1'],
    ['for=6.6.6.6,for=1.1.1.1;host="a,b;for=7.7.7.7"', '1.1.1.1'],
    ['for=6.6.6.6, for=1.1.1.1;host="a\\",for=7.7.7.7"', '1.1.1.1'],
    ['for=6.6.6.6, host="a\\\\";for=1.1.1.1', '1.1.1.1'],
    ['for="6.6.6.6, for=1.1.1.1', '1.1.1.1'],
    ['for=6.6.6.6", for=1.1.1.1', '1.1.1.1'],
    ['for=6.6.6.6, for=unknown', '127.0.0.1'],
    ['for=6.6.6.6, for=_hidden', '127.0.0.1'],
    ['for=6.6.6.6, for="_hidden"', '127.0.0.1'],
    ['for=6.6.6.6, proto=https', '127.0.0.1'],
    ['for=6.6.6.6, ', '127.0.0.1'],
    ['for=6.6.6.6, for=1.1.1.1;for=2.2.2.2', '127.0.0.1'],
    ['for=6.6.6.6, for="1.1.1.1', '127.0.0.1'],
    ['for=6.6.6.6, for="1.1.1.1"x', '127.0.0.1'],
    ['for=6.6.6.6, for=1.1.1.1=x', '127.0.0.1'],
    ['for=6.6.6.6, for', '127.0.0.1'],
    ['for=6.6.6.6, for=', '127.0.0.1'],
    ['for=6.6.6.6, for="', '127.0.0.1'],
    ['for=6.6.6.6, x;for=1.1.1.1', '127.0.0.1'],
    ['proto=https', '127.0.0.1'],
  ])('%s is %s, by hops and by blocks', (fwd, expected) => {
    expect(client({ trustProxy: 1, forwardedHeader }, '127.0.0.1', undefined, fwd)).toBe(expected)
    expect(client({ trustProxy: ['loopback'], forwardedHeader }, '127.0.0.1', '6.6.6.6', fwd)).toBe(expected)
  })

  it('is read by hops and blocks as X-Forwarded-For is', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.ipV4(), fc.constant('10.0.0.1'), fc.constant('unknown')), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 4 }),
        (entries, hops) => {
          const fwd = entries.map((entry) => `for="${entry}";host="a,b"`).join(',')
          for (const trustProxy of [hops, ['10.0.0.0/8']]) {
            expect(client({ trustProxy, forwardedHeader }, '10.0.0.9', undefined, fwd)).toBe(
              client({ trustProxy }, '10.0.0.9', entries.join(', ')),
            )
          }
        },
      ),
    )
  })

  it('gives the same last element, whatever is to the left of it', () => {
    const value = fc.string({ unit: 'binary', maxLength: 12 }).map((raw) => `"${raw.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`)
    const nasty = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.array(fc.constantFrom('"', '\\', ',', ';', '=', 'for=6.6.6.6', ' '), { maxLength: 12 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(nasty, value, (left, hostname) => {
        const last = ` host=${hostname};for=1.1.1.1`
        const whole = `${left},${last}`
        expect(whole.slice(forwarded.start(whole, whole.length))).toBe(last)
        expect(forwarded.claim(last)).toBe('1.1.1.1')
      }),
      { numRuns: 5_000 },
    )
  })

  it('never throws', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.constantFrom('"', '\\', ',', ';', '=', 'for', ' ', '1.1.1.1', '[::1]'), { maxLength: 20 }).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(anything, anything, (xff, fwd) => {
        for (const trustProxy of [1, 3, ['loopback', '1.1.1.1']]) {
          expect(client({ trustProxy }, '127.0.0.1', xff, fwd)).toBeTypeOf('string')
          expect(client({ trustProxy, forwardedHeader }, '127.0.0.1', xff, fwd)).toBeTypeOf('string')
        }
        expect(xForwardedFor.claim(xff)).toBe(xff.trim())
      }),
      { numRuns: 5_000 },
    )
  })
})

describe('headers of a client', () => {
  it('are ignored when the connection is not trusted', () => {
    const forged = [{}, { forwardedHeader: 'Forwarded' }] as const
    for (const options of forged)
      expect(client({ trustProxy: ['10.0.0.0/8'], ...options }, '9.9.9.9', '1.1.1.1', 'for=1.1.1.1')).toBe('9.9.9.9')
  })
})

describe('F09: one header decides', () => {
  it.each(['for=6.6.6.6', 'for=unknown', 'for="', 'proto=https', 'for=1.1.1.1', ''])(
    'X-Forwarded-For, whatever a client sends as "Forwarded: %s"',
    (fwd) => {
      for (const trustProxy of [1, ['loopback']]) {
        expect(resolve({ trustProxy }, '127.0.0.1', '1.1.1.1', fwd)).toEqual({ client: '1.1.1.1', warnings: [] })
        expect(client({ trustProxy }, '127.0.0.1', 'unknown', fwd)).toBe('127.0.0.1')
        expect(client({ trustProxy }, '8.8.8.8', '1.1.1.1', fwd)).toBe(trustProxy === 1 ? '1.1.1.1' : '8.8.8.8')
      }
    },
  )

  it('or the one that forwardedHeader names, in any case', () => {
    const options = { trustProxy: 1, forwardedHeader: 'CF-Connecting-IP' }
    const address = clientAddress(host, options, () => {})
    const headers = { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6' }
    expect(address({ peer: '127.0.0.1', headers: { ...headers, 'cf-connecting-ip': '1.1.1.1' } })).toBe('1.1.1.1')
    expect(address({ peer: '127.0.0.1', headers })).toBe('127.0.0.1')
  })

  it('and a request that has another one instead causes a warning, which is no error', () => {
    expect(resolve({ trustProxy: 1 }, '127.0.0.1', undefined, 'for=1.1.1.1')).toEqual({
      client: '127.0.0.1',
      warnings: ['WARN_FORWARDED_OTHER'],
    })
    expect(resolve({ trustProxy: 1, forwardedHeader: 'forwarded' }, '127.0.0.1', '1.1.1.1')).toEqual({
      client: '127.0.0.1',
      warnings: ['WARN_FORWARDED_OTHER'],
    })
    expect(resolve({ trustProxy: 1 }, '127.0.0.1').warnings).toEqual([])
  })

  it.each(['', 'a b', 'x:y', 7, null])('refuses forwardedHeader: %j', (forwardedHeader) => {
    expect(() => clientAddress(host, { trustProxy: 1, forwardedHeader: forwardedHeader as never }, () => {})).toThrow(
      /forwardedHeader: expected the name of a header.*ERR_OPTION_INVALID/,
    )
  })

  it('refuses forwardedHeader without trustProxy', () => {
    expect(() => clientAddress(host, { forwardedHeader: 'forwarded' }, () => {})).toThrow(/forwardedHeader.*ERR_OPTION_CONFLICT/)
    expect(client({ trustProxy: 0, forwardedHeader: 'forwarded' }, '127.0.0.1', undefined, 'for=1.1.1.1')).toBe('127.0.0.1')
  })
})

describe('F18: text that is no address, in the header that decides', () => {
  const garbage = ['{x}', '', ' ', 'unknown', '[::1', '::ffff:999.1.1.1', '\0', 'é', ',', '1.2.3.4.5']

  it.each(garbage)('the connection stands in where the framework trusts the header: %j', (text) => {
    const trusting: ClientOptions<Request> = { hostTrusts: () => true, connection: ({ headers }) => headers?.['peer'] }
    const address = clientAddress(host, trusting, () => {})
    expect(address({ peer: text, headers: { peer: '::ffff:10.0.0.1' } })).toBe('10.0.0.1')
    // On a Unix socket, all such requests share one quota.
    expect(address({ peer: text })).toBe('0.0.0.0')
  })

  it('a connection without an address is an error of the set-up, which no client can cause', () => {
    expect(client({ hostTrusts: () => true }, undefined)).toBeUndefined()
    expect(client({ trustProxy: 1 }, undefined)).toBeUndefined()
    expect(client({}, 'unix:')).toBeUndefined()
  })

  it.each(garbage.filter(Boolean))('with trustProxy, on a connection without an address: %j', (text) => {
    expect(client({ trustProxy: 1 }, undefined, text)).toBe('0.0.0.0')
    expect(client({ trustProxy: 1 }, '10.0.0.1', text)).toBe('10.0.0.1')
  })
})

describe('options', () => {
  it.each([true, false, null, -1, 1.5, 33, Number.NaN, '1', 'loopback', [], {}])('refuses trustProxy: %j', (trustProxy) => {
    expect(() => clientAddress(host, { trustProxy: trustProxy as never }, () => {})).toThrow(
      /trustProxy: expected a number of hops from 0 to 32, or an array.*got.*ERR_OPTION_INVALID/,
    )
  })
  it.each(['', 'localhost', '10.0.0.0/33', '10.0.0.0/255.0.0.0', '1.2.3.4:80', 'toString', 7, null])(
    'refuses trustProxy: ["::1", %j]',
    (entry) => {
      expect(() => clientAddress(host, { trustProxy: ['::1', entry as never] }, () => {})).toThrow(
        /trustProxy\[1\]: expected an address, a CIDR.*got.*ERR_OPTION_INVALID/,
      )
    },
  )
  it.each([31, 65, 48.5, '56'])('refuses ipv6Prefix: %j', (ipv6Prefix) => {
    expect(() => clientAddress(host, { ipv6Prefix: ipv6Prefix as never }, () => {})).toThrow(/ipv6Prefix.*ERR_OPTION_INVALID/)
  })

  it.each(['0.0.0.0/0', '::/0', '0.0.0.0/1', '::ffff:0:0/96', '2000::/3', '1.2.3.4/0'])('WARN_TRUST_PERMISSIVE for %s', (block) => {
    const warnings: string[] = []
    clientAddress(host, { trustProxy: ['loopback', block] }, (code, message) => warnings.push(`${code} ${message}`))
    expect(warnings).toEqual([
      expect.stringMatching(
        new RegExp(`^WARN_TRUST_PERMISSIVE trustProxy: ${block.replaceAll('.', '\\.')} contains addresses of strangers`),
      ),
    ])
  })
  it.each(['10.0.0.0/8', 'fc00::/7', 'private', '1.2.3.4'])('no warning for %s', (block) => {
    const warnings: string[] = []
    clientAddress(host, { trustProxy: [block] }, (code) => warnings.push(code))
    expect(warnings).toEqual([])
  })
})

describe('checks of the first requests', () => {
  function run(options: ClientOptions<Request>, requests: Iterable<Request>) {
    const warnings: string[] = []
    let headersRead = 0
    const counting: Host<Request> = {
      ...host,
      header(request, name) {
        headersRead += 1
        return host.header(request, name)
      },
    }
    const resolver = clientAddress(counting, options, (code) => warnings.push(code))
    for (const request of requests) resolver(request)
    return { warnings, headersRead }
  }
  const from = (count: number, peer: (i: number) => string | undefined, headers: Record<string, string> = {}) =>
    Array.from({ length: count }, (_, i) => ({ peer: peer(i), headers }))
  const many = (i: number) => `1.2.${i >> 8}.${i & 255}`

  it.each([{ 'x-forwarded-for': '1.1.1.1' }, { forwarded: 'for=1.1.1.1' }])('WARN_FORWARDED_UNTRUSTED, once, for %j', (headers) => {
    expect(run({}, from(50, many, headers)).warnings).toEqual(['WARN_FORWARDED_UNTRUSTED'])
  })
  it.each([
    ['none is sent', {}, {}],
    ['a proxy is trusted', { trustProxy: 1 }, { 'x-forwarded-for': '1.1.1.1' }],
    ['trustProxy: 0 says that there is none', { trustProxy: 0 }, { 'x-forwarded-for': '1.1.1.1' }],
    ['the framework trusts', { hostTrusts: true }, { 'x-forwarded-for': '1.1.1.1' }],
    ['the framework turns out to trust', { hostTrusts: () => true }, { 'x-forwarded-for': '1.1.1.1' }],
    ['it is empty', {}, { 'x-forwarded-for': '', forwarded: '' }],
  ])('no WARN_FORWARDED_UNTRUSTED when %s', (_, options, headers) => {
    expect(run(options, from(50, many, headers)).warnings).toEqual([])
  })

  it.each([
    ['the address that the platform writes', { 'x-forwarded-for': '1.2.3.4' }, []],
    ['another', { 'x-forwarded-for': '1.1.1.1' }, ['WARN_FORWARDED_UNTRUSTED']],
    ['one more', { 'x-forwarded-for': '1.2.3.4, 1.2.3.4' }, ['WARN_FORWARDED_UNTRUSTED']],
    ['one in another header', { 'x-forwarded-for': '1.2.3.4', forwarded: 'for=1.2.3.4' }, ['WARN_FORWARDED_UNTRUSTED']],
  ])('a platform that writes the header itself: %s', (_, headers, expected) => {
    const warnings: string[] = []
    const onPlatform = { ...host, platformAddress: ({ peer }: Request) => peer }
    clientAddress(onPlatform, {}, (code) => warnings.push(code))({ peer: '1.2.3.4', headers })
    expect(warnings).toEqual(expected)
  })

  it('WARN_SINGLE_ADDRESS once, after 1,000 requests from one address, with that address', () => {
    expect(
      run(
        {},
        from(999, () => '1.2.3.4'),
      ).warnings,
    ).toEqual([])
    expect(
      run(
        {},
        from(3_000, () => '1.2.3.4'),
      ).warnings,
    ).toEqual(['WARN_SINGLE_ADDRESS'])
    expect(run({ trustProxy: 1 }, from(1_000, many, { 'x-forwarded-for': '1.1.1.1' })).warnings).toEqual(['WARN_SINGLE_ADDRESS'])
    expect(
      run(
        {},
        from(1_000, (i) => `2001:db8::${(i + 1).toString(16)}`),
      ).warnings,
    ).toEqual(['WARN_SINGLE_ADDRESS'])
  })
  it('no WARN_SINGLE_ADDRESS if one of the first 1,000 addresses differs or is unknown', () => {
    expect(
      run(
        {},
        from(3_000, (i) => (i === 999 ? '4.3.2.1' : '1.2.3.4')),
      ).warnings,
    ).toEqual([])
    expect(
      run(
        {},
        from(3_000, (i) => (i === 0 ? '4.3.2.1' : '1.2.3.4')),
      ).warnings,
    ).toEqual([])
    expect(
      run(
        {},
        from(3_000, () => undefined),
      ).warnings,
    ).toEqual([])
  })

  it('stop after 1,000 requests', () => {
    expect(run({}, from(5_000, many)).headersRead).toBe(2_000)
    expect(run({}, [...from(1_000, many), ...from(1, many, { 'x-forwarded-for': '1.1.1.1' })]).warnings).toEqual([])
  })

  it('throw the errors of a strict report, at definition and in a request', () => {
    const strict = (code: string) => {
      throw new Error(code)
    }
    expect(() => clientAddress(host, { trustProxy: ['0.0.0.0/0'] }, strict)).toThrow('WARN_TRUST_PERMISSIVE')
    const resolver = clientAddress(host, {}, strict)
    expect(resolver({ peer: '1.2.3.4' })).toBe('1.2.3.4')
    for (let i = 0; i < 3; i++)
      expect(() => resolver({ peer: '1.2.3.4', headers: { 'x-forwarded-for': '1.1.1.1' } })).toThrow('WARN_FORWARDED_UNTRUSTED')
  })
})
