import { fixedWindow, ip } from '@sluice/core'
import type { Feature, Mount, Fixture } from '../adapter.ts'
import type { HttpCase } from '../case.ts'
import { grouped } from './subjects.ts'
import type { RequestSpec } from '../client.ts'

const one = fixedWindow({ name: 'minute', limit: 1, window: '1m' })
const xff = (...values: readonly string[]): RequestSpec => ({ headers: values.map((value) => ['X-Forwarded-For', value]) })
const fwd = (value: string): RequestSpec => ({ headers: [['Forwarded', value]] })
const both = (list: string, value: string): RequestSpec => ({ headers: [...(xff(list).headers ?? []), ...(fwd(value).headers ?? [])] })
const cf = (address: string, ...others: readonly (readonly [string, string])[]): RequestSpec => ({
  headers: [['CF-Connecting-IP', address], ...others],
})
const none: RequestSpec = {}

interface Proxied {
  readonly options?: Mount | ((fixture: Fixture) => Mount)
  /** Requests that share a subject, and share it with no other group. */
  readonly groups: readonly (readonly RequestSpec[])[]
  readonly warnings?: readonly string[]
  readonly trust?: true | 'anyone'
  readonly requires?: readonly Feature[]
}

function proxied(name: string, { options = {}, groups, warnings = [], trust, requires }: Proxied): HttpCase {
  return {
    name,
    requires,
    app: (fixture) => ({
      trust: trust ?? false,
      use: [fixture.limits({ limits: [one], ...(typeof options === 'function' ? options(fixture) : options) })],
    }),
    async run(t) {
      const { found, expected } = await grouped((request) => t.send(request), groups)
      t.is(found, expected)
      t.warnings(...warnings)
    },
  }
}

/** Which proxies are trusted to report the client's address. */
export const proxyCases: readonly HttpCase[] = [
  proxied('trap: forged X-Forwarded-For without trustProxy: the connection is the client, with one warning', {
    groups: [[xff('1.2.3.4'), xff('5.6.7.8'), fwd('for=9.9.9.9'), none]],
    warnings: ['WARN_FORWARDED_UNTRUSTED'],
  }),
  proxied('trustProxy: 0 ignores forwarded headers without a warning', {
    options: { trustProxy: 0 },
    groups: [[xff('1.2.3.4'), xff('5.6.7.8'), none]],
  }),
  proxied('trap: X-Forwarded-For from the left: one hop uses the rightmost entry alone', {
    options: { trustProxy: 1 },
    groups: [
      [xff('1.2.3.4'), xff('6.6.6.6, 1.2.3.4'), xff('7.7.7.7,1.2.3.4'), xff('6.6.6.6', '1.2.3.4'), xff('", 1.2.3.4')],
      [xff('1.2.3.4, 5.6.7.8'), xff('5.6.7.8')],
      [none, xff('unknown')],
    ],
  }),
  proxied('trustProxy: 2 uses the second entry from the right', {
    options: { trustProxy: 2 },
    groups: [[xff('1.2.3.4, 10.0.0.1'), xff('6.6.6.6, 1.2.3.4, 10.0.0.2')], [xff('5.6.7.8, 10.0.0.1')]],
  }),
  proxied('trustProxy: CIDRs, from the right to the first untrusted address', {
    options: { trustProxy: ['loopback', '10.0.0.0/8', '2001:db8:ffff::/48'] },
    groups: [
      [xff('1.2.3.4'), xff('1.2.3.4, 10.1.2.3'), xff('6.6.6.6, 1.2.3.4, 10.9.9.9, 2001:db8:ffff::1')],
      [xff('1.2.3.4, 5.6.7.8, 10.1.2.3')],
      [none],
      // All proxies are trusted, so the leftmost address is the client.
      [xff('10.1.1.1, 10.2.2.2'), xff('10.1.1.1')],
    ],
  }),
  proxied('trustProxy: CIDRs without the connection: its forwarded headers are ignored', {
    options: { trustProxy: ['10.0.0.0/8'] },
    groups: [[xff('1.2.3.4'), xff('5.6.7.8, 10.0.0.1'), none]],
  }),
  proxied('trustProxy that trusts every address causes a warning', {
    options: { trustProxy: ['0.0.0.0/0'] },
    groups: [[xff('1.2.3.4'), xff('1.2.3.4, 5.6.7.8')]],
    warnings: ['WARN_TRUST_PERMISSIVE'],
  }),
  proxied('Forwarded: for= is read from the right, in quotes, with a port and in any case', {
    options: { trustProxy: 1, forwardedHeader: 'Forwarded' },
    groups: [
      [fwd('for=1.2.3.4'), fwd('For="1.2.3.4:5678";proto=https'), fwd('for=6.6.6.6, for=1.2.3.4;by=10.0.0.1')],
      [fwd('for="[2001:db8:0:100::1]:4711"'), fwd('for="[2001:db8:0:1ff::2]"')],
      [fwd('proto=https'), none],
    ],
  }),
  proxied('F09: trustProxy reads X-Forwarded-For alone, and Forwarded decides nothing', {
    options: { trustProxy: 1 },
    groups: [
      [xff('203.0.113.7'), both('203.0.113.7', 'for=9.9.9.9'), both('203.0.113.7', 'for="'), both('6.6.6.6, 203.0.113.7', 'for=unknown')],
      [xff('198.51.100.4'), both('198.51.100.4', 'for=10.1.1.1')],
      [none],
    ],
  }),
  proxied("F09: forwardedHeader: 'forwarded' reads Forwarded alone", {
    options: { trustProxy: 1, forwardedHeader: 'forwarded' },
    groups: [
      [fwd('for=203.0.113.7'), both('9.9.9.9', 'for=203.0.113.7')],
      [fwd('for=198.51.100.4'), both('203.0.113.7', 'for=198.51.100.4')],
    ],
  }),
  proxied('F09: forwardedHeader: the header of a platform, and no other header', {
    options: { trustProxy: ['loopback'], forwardedHeader: 'CF-Connecting-IP' },
    groups: [
      [cf('203.0.113.7'), cf('203.0.113.7', ['X-Forwarded-For', '9.9.9.9']), cf('203.0.113.7', ['Forwarded', 'for=9.9.9.9'])],
      [cf('2001:db8:0:100::1'), cf('2001:db8:0:1ff::1')],
      [none, cf('not an address')],
    ],
  }),
  proxied('F09: requests with Forwarded alone are those of the connection, with one warning', {
    options: { trustProxy: 1 },
    groups: [[none, fwd('for=1.2.3.4'), fwd('for=5.6.7.8')]],
    warnings: ['WARN_FORWARDED_OTHER'],
  }),
  proxied('F18: text that is no address in the header that the framework trusts: the request is counted, and does not fail', {
    trust: 'anyone',
    requires: ['framework proxy trust'],
    groups: [[none, xff('{x}'), xff('{x}, {y}'), xff('::ffff:999.1.1.1'), xff('[::1'), xff('%00'), xff('"'), xff('a'.repeat(2_000))]],
    warnings: ['WARN_TRUST_PERMISSIVE'],
  }),
  proxied('trap: IPv6 client walks its /64: all of a /56 is one client', {
    options: { trustProxy: 1 },
    groups: [
      [xff('2001:db8:0:100::1'), xff('2001:db8:0:1ff:ffff::2'), xff('2001:0DB8:0000:01ab:1:2:3:4'), xff('[2001:db8:0:100::9]:443')],
      [xff('2001:db8:0:200::1'), xff('2001:db8:0:2ff::1')],
    ],
  }),
  proxied('ipv6Prefix: 64 counts each /64 as one client', {
    options: { trustProxy: 1, ipv6Prefix: 64 },
    groups: [[xff('2001:db8:0:100::1'), xff('2001:db8:0:100:ffff::2')], [xff('2001:db8:0:101::1')]],
  }),
  proxied('trap: ::ffff: addresses share one bucket, or escape theirs', {
    options: { trustProxy: 1 },
    groups: [
      [xff('1.2.3.4'), xff('::ffff:1.2.3.4'), xff('::FFFF:102:304'), xff('0:0:0:0:0:ffff:1.2.3.4'), xff('[::ffff:1.2.3.4]:80')],
      [xff('::ffff:1.2.3.5'), xff('1.2.3.5')],
    ],
  }),
  proxied('F25: an IPv4 address that a translator put into an IPv6 address is the client', {
    options: { trustProxy: 1 },
    groups: [
      [xff('8.8.8.8'), xff('64:ff9b::808:808'), xff('64:FF9B::8.8.8.8'), xff('::ffff:0:8.8.8.8'), xff('::8.8.8.8'), xff('[::808:808]:80')],
      [xff('192.0.2.1'), xff('64:ff9b::c000:201')],
      [xff('10.0.0.1')],
      [xff('64:ff9b::10.0.0.1'), xff('64:ff9b::127.0.0.1'), xff('64:ff9b::169.254.169.254')],
      [xff('127.0.0.1')],
      [xff('::1'), xff('::ffff:0:127.0.0.1')],
      // Its client could choose these bytes.
      [xff('2001:0:4136:e378:8000:63bf:f7f7:f7f7')],
      [xff('2002:808:808::1')],
    ],
  }),
  proxied('zone ids and ports are not part of an address', {
    options: { trustProxy: 1 },
    groups: [
      [xff('fe80::1%eth0'), xff('fe80::1%eth1'), xff('fe80::1')],
      [xff('1.2.3.4:5678'), xff('1.2.3.4:9'), xff('1.2.3.4')],
    ],
  }),
  proxied("ip(read): an address from a platform's header is treated the same", {
    options: (fixture) => ({ key: ip((c) => fixture.read.header(c, 'x-client-ip')) }),
    groups: [
      [{ headers: [['X-Client-Ip', '1.2.3.4']] }, { headers: [['X-Client-Ip', '::ffff:1.2.3.4']] }],
      [{ headers: [['X-Client-Ip', '2001:db8:0:100::1']] }, { headers: [['X-Client-Ip', '2001:db8:0:1ff::1']] }],
    ],
  }),
  proxied("trap: all clients behind a proxy in one bucket: the framework's own proxy setting is used", {
    trust: true,
    requires: ['framework proxy trust'],
    groups: [
      [xff('1.2.3.4'), xff('6.6.6.6, 1.2.3.4'), xff('::ffff:1.2.3.4')],
      [xff('2001:db8:0:100::1'), xff('2001:db8:0:1ff::1')],
      [none],
    ],
  }),
  proxied('the framework trusts every proxy, so any client can claim any address: WARN_TRUST_PERMISSIVE, once', {
    trust: 'anyone',
    requires: ['framework proxy trust'],
    groups: [[xff('1.2.3.4'), xff('1.2.3.4, 10.0.0.1')], [xff('5.6.7.8')]],
    warnings: ['WARN_TRUST_PERMISSIVE'],
  }),
  {
    name: "strict: warnings become errors in the framework's error handling",
    app: (fixture) => ({ use: [fixture.limits({ limits: [one], strict: true })] }),
    async run(t) {
      t.is((await t.send(xff('1.2.3.4'))).status, 500)
      t.is((await t.send()).status, 200)
      t.errors(/WARN_FORWARDED_UNTRUSTED/)
    },
  },
]
