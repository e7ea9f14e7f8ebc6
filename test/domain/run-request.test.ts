import { expect, test } from 'vitest';
import { parseRunRequest } from '../../domain/run-request.ts';

test('everything optional gets its safe default', () => {
  expect(parseRunRequest({ runbook: 'site-failover' })).toEqual({
    request: {
      runbook: 'site-failover',
      mode: 'precheck',
      style: 'graceful',
      drill: false,
      reason: 'precheck',
      by: 'not said',
    },
  });
});

const real = { runbook: 'r', mode: 'real', by: 'ann', reason: 'storm' };

test.each<readonly [unknown, readonly string[]]>([
  [
    undefined,
    [
      'the input must be one JSON object, e.g. {"runbook": "site-failover", "from": "east", "to": "west"}; seen nothing',
    ],
  ],
  [
    'site-failover',
    [
      'the input must be one JSON object, e.g. {"runbook": "site-failover", "from": "east", "to": "west"}; seen "site-failover"',
    ],
  ],
  [
    [{ runbook: 'r' }],
    [
      'the input must be one JSON object, e.g. {"runbook": "site-failover", "from": "east", "to": "west"}; seen [{"runbook":"r"}]',
    ],
  ],
  [
    null,
    [
      'the input must be one JSON object, e.g. {"runbook": "site-failover", "from": "east", "to": "west"}; seen null',
    ],
  ],
  [{}, ['runbook is required']],
  [
    { runbook: '../../etc/passwd' },
    [
      'runbook must be a name of lower-case letters, digits, dots, dashes or underscores; seen "../../etc/passwd"',
    ],
  ],
  [{ runbook: 'r', mode: 'real' }, ['by is required for mode real', 'reason is required for mode real']],
  [{ ...real, by: ' ' }, ['by must be a text of 1 to 1000 characters; seen " "']],
  [{ ...real, from: 'east', to: 'east' }, ['from and to are both "east"; they must differ']],
  [{ ...real, drill: 'yes' }, ['drill must be true or false; seen "yes"']],
  [{ ...real, planDigest: 'abc' }, ['planDigest must be the 64 hex digits of a plan digest; seen "abc"']],
  [{ ...real, parameters: ['x'] }, ['parameters must be an object; seen ["x"]']],
  [
    { ...real, style: 'Forced', Mode: 1 },
    [
      'unknown field "Mode"; fields: runbook, from, to, mode, drill, style, reason, by, planDigest, parameters',
      'style must be graceful or forced; seen "Forced"',
    ],
  ],
])('%j is refused', (value, problems) => {
  expect(parseRunRequest(value)).toEqual({ problems });
});
