// Configurations of envoyproxy/ratelimit: the cases that its documentation, its samples and its own tests have, written anew with the same keys and
// limits. Each has a domain of its own, so that one server can load all of them.

export interface CorpusCase {
  readonly config: string
  /** What the import names, in part, in its order. Empty: all is taken over. */
  readonly notes?: readonly string[]
}

export const CORPUS: Readonly<Record<string, CorpusCase>> = {
  'two values of a key': {
    config: `domain: mongo_cps
descriptors:
  - { key: database, value: users, rate_limit: { unit: second, requests_per_unit: 500 } }
  - { key: database, value: default, rate_limit: { unit: second, requests_per_unit: 500 } }
`,
  },
  'a list in a list': {
    config: `domain: messaging
descriptors:
  - key: message_type
    value: marketing
    descriptors: [{ key: to_number, rate_limit: { unit: day, requests_per_unit: 5 } }]
  - { key: to_number, rate_limit: { unit: day, requests_per_unit: 100 } }
`,
  },
  'a value before any value': {
    config: `domain: edge_proxy_per_ip
descriptors:
  - { key: remote_address, rate_limit: { unit: second, requests_per_unit: 10 } }
  - { key: remote_address, value: 50.0.0.5, rate_limit: { unit: second, requests_per_unit: 0 } }
`,
  },
  'a descriptor that is longer than the limit': {
    config: `domain: example4
descriptors: [{ key: key, value: value, rate_limit: { unit: second, requests_per_unit: 300 } }]
`,
  },
  'a descriptor as long as the limit': {
    config: `domain: example4-nested
descriptors:
  - { key: key, value: value, descriptors: [{ key: subkey, rate_limit: { unit: second, requests_per_unit: 300 } }] }
`,
  },
  'a key without a limit': {
    config: `domain: internal
descriptors:
  - { key: ldap, rate_limit: { unlimited: true } }
  - { key: azure, rate_limit: { unit: minute, requests_per_unit: 100 } }
`,
  },
  'a user in shadow': {
    config: `domain: example6
descriptors:
  - key: service
    descriptors:
      - { key: user, value: user-a, rate_limit: { unit: second, requests_per_unit: 10 }, shadow_mode: true }
      - { key: user, value: user-b, rate_limit: { unit: second, requests_per_unit: 20 } }
`,
  },
  'a limit that replaces another one': {
    config: `domain: example7
descriptors:
  - key: key_1
    value: value_1
    descriptors: [{ key: user, value: bkthomps, rate_limit: { name: specific_limit, unit: second, requests_per_unit: 5 } }]
  - key: key_2
    value: value_2
    descriptors: [{ key: user, value: bkthomps, rate_limit: { replaces: [{ name: specific_limit }], unit: second, requests_per_unit: 10 } }]
`,
    notes: ['replaces is left out'],
  },
  'metrics of each value': {
    config: `domain: example8
descriptors:
  - { key: key1, detailed_metric: true, rate_limit: { unit: minute, requests_per_unit: 10 } }
  - { key: key1, value: value1, rate_limit: { unit: minute, requests_per_unit: 20 } }
`,
  },
  'the beginning of a value': {
    config: `domain: example9
descriptors:
  - { key: key1, value: 'value*', rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: key2, rate_limit: { unit: minute, requests_per_unit: 20 } }
`,
    notes: ['key1: value* is left out'],
  },
  'metrics of the values above': {
    config: `domain: example10
descriptors:
  - key: route
    value_to_metric: true
    descriptors:
      - key: http_method
        value_to_metric: true
        descriptors: [{ key: subject_id, rate_limit: { unit: minute, requests_per_unit: 60 } }]
`,
  },
  'metrics beside the beginning of a value': {
    config: `domain: example10_wildcard
descriptors:
  - key: user
    value_to_metric: true
    descriptors:
      - key: action
        value: 'read*'
        value_to_metric: true
        descriptors: [{ key: resource, rate_limit: { unit: minute, requests_per_unit: 100 } }]
`,
    notes: ['action: read* is left out'],
  },
  'values that share one count': {
    config: `domain: example11
descriptors:
  - { key: files, value: 'files/*', share_threshold: true, rate_limit: { unit: hour, requests_per_unit: 10 } }
  - { key: files_no_share, value: 'files_no_share/*', share_threshold: false, rate_limit: { unit: hour, requests_per_unit: 10 } }
`,
    notes: ['files: files/* is left out', 'files_no_share: files_no_share/* is left out'],
  },
  'the sample of its container': {
    config: `domain: rl
descriptors:
  - { key: category, value: account, rate_limit: { replaces: [{ name: bkthomps }, { name: fake_name }], unit: minute, requests_per_unit: 4 } }
  - key: source_cluster
    value: proxy
    descriptors:
      - { key: destination_cluster, value: bkthomps, rate_limit: { replaces: [{ name: bkthomps }], unit: minute, requests_per_unit: 2 } }
      - { key: destination_cluster, value: mock, rate_limit: { unit: minute, requests_per_unit: 1 } }
      - { key: destination_cluster, value: override, rate_limit: { replaces: [{ name: banned_limit }], unit: minute, requests_per_unit: 2 } }
      - { key: destination_cluster, value: fake, rate_limit: { name: fake_name, unit: minute, requests_per_unit: 2 } }
  - key: foo
    rate_limit: { unit: minute, requests_per_unit: 2 }
    descriptors:
      - { key: bar, rate_limit: { unit: minute, requests_per_unit: 3 } }
      - { key: bar, value: bkthomps, rate_limit: { name: bkthomps, unit: minute, requests_per_unit: 1 } }
      - { key: bar, value: banned, rate_limit: { name: banned_limit, unit: minute, requests_per_unit: 0 } }
      - { key: baz, rate_limit: { unit: second, requests_per_unit: 1 } }
      - { key: baz, value: not-so-shady, rate_limit: { unit: minute, requests_per_unit: 3 } }
      - { key: baz, value: shady, rate_limit: { unit: minute, requests_per_unit: 3 }, shadow_mode: true }
      - { key: bay, rate_limit: { unlimited: true } }
  - { key: unspec, detailed_metric: true, rate_limit: { unit: minute, requests_per_unit: 2 } }
  - { key: qux, rate_limit: { unlimited: true } }
`,
    notes: ['replaces is left out', 'replaces is left out', 'replaces is left out'],
  },
  'its test of the basics': {
    config: `domain: test-basic
descriptors:
  - key: key1
    value: value1
    descriptors:
      - { key: subkey1, rate_limit: { unit: second, requests_per_unit: 5 } }
      - { key: subkey1, value: subvalue1, rate_limit: { unit: second, requests_per_unit: 10 } }
  - { key: key2, rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: key2, value: value2, rate_limit: { unit: minute, requests_per_unit: 30 } }
  - { key: key2, value: value3 }
  - { key: key3, rate_limit: { unit: hour, requests_per_unit: 1 } }
  - { key: key4, rate_limit: { name: key4_rate_limit, unit: day, requests_per_unit: 1 } }
  - key: key5
    value: value5
    rate_limit: { unit: day, requests_per_unit: 15 }
    descriptors: [{ key: subkey5, value: subvalue5, rate_limit: { unit: day, requests_per_unit: 25 } }]
  - { key: key6, rate_limit: { unlimited: true } }
  - { key: key7, detailed_metric: true, rate_limit: { unit: minute, requests_per_unit: 70 } }
`,
  },
  'its test of shadow_mode': {
    config: `domain: test-shadow
descriptors:
  - key: key1
    value: value1
    descriptors:
      - { key: subkey1, rate_limit: { unit: second, requests_per_unit: 5 } }
      - { key: subkey1, value: subvalue1, rate_limit: { unit: second, requests_per_unit: 10 }, shadow_mode: true }
  - { key: key2, rate_limit: { unit: minute, requests_per_unit: 20 }, shadow_mode: true }
  - { key: key2, value: value2, rate_limit: { unit: minute, requests_per_unit: 30 } }
`,
  },
  'its test of patterns': {
    config: `domain: test-wildcard
descriptors:
  - { key: wild, value: 'foo*', rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: noWild, value: foo, rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: noVal, rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: midWild, value: 'bar*b', rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: nestedWild, value: val1, descriptors: [{ key: wild, value: 'goo*', rate_limit: { unit: minute, requests_per_unit: 20 } }] }
`,
    notes: ['wild: foo* is left out', 'wild: goo* is left out'],
  },
  'its test of share_threshold': {
    config: `domain: test-share
descriptors:
  - { key: files, value: 'files/*', share_threshold: true, rate_limit: { unit: minute, requests_per_unit: 100 } }
  - key: nested
    value: parent
    descriptors: [{ key: files, value: 'nested/*', share_threshold: true, rate_limit: { unit: minute, requests_per_unit: 200 } }]
  - key: service
    value: 'svc/*'
    share_threshold: true
    descriptors: [{ key: endpoint, detailed_metric: true, rate_limit: { unit: minute, requests_per_unit: 80 } }]
  - { key: file, value: test1, rate_limit: { unit: minute, requests_per_unit: 50 } }
  - { key: file, value: 'test*', share_threshold: true, rate_limit: { unit: minute, requests_per_unit: 100 } }
`,
    notes: ['files: files/* is left out', 'files: nested/* is left out', 'service: svc/* is left out', 'file: test* is left out'],
  },
  'its integration test': {
    config: `domain: another
descriptors:
  - { key: key2, rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: key3, rate_limit: { unit: hour, requests_per_unit: 10 } }
  - { key: key2_local, rate_limit: { unit: minute, requests_per_unit: 20 } }
  - { key: key3_local, rate_limit: { unit: hour, requests_per_unit: 10 } }
  - { key: key4, rate_limit: { unit: day, requests_per_unit: 20 } }
`,
  },
  'its integration test, a second domain': {
    config: `domain: basic
descriptors:
  - { key: key1, rate_limit: { unit: second, requests_per_unit: 50 } }
  - { key: key1_local, rate_limit: { unit: second, requests_per_unit: 50 } }
  - { key: one_per_minute, rate_limit: { unit: minute, requests_per_unit: 1 } }
`,
  },
  // Not of its corpus: what the code of its look-up says beside.
  'a value does not go back to any value': {
    config: `domain: no-way-back
descriptors:
  - key: plan
    rate_limit: { unit: minute, requests_per_unit: 2 }
    descriptors: [{ key: user, rate_limit: { unit: hour, requests_per_unit: 3 } }]
  - { key: plan, value: gold, rate_limit: { unit: month, requests_per_unit: 5 } }
  - { key: plan, value: 10, rate_limit: { unit: year, requests_per_unit: 4 } }
`,
  },
  quota_mode: {
    config: `domain: quota
descriptors: [{ key: key1, quota_mode: true, rate_limit: { unit: minute, requests_per_unit: 2 } }]
`,
    notes: ['quota_mode is a policy in shadow'],
  },
}
