import { expect, test } from 'vitest';
import { brokenByFlip, brokenByPush, brokenBySwitchover } from '../../lab/bench/promises.ts';

const switchover = { engine: 'mysql', acknowledgedWrites: 900, lostWrites: 0 };
const push = { target: 'etcd', consumers: 1_000, rounds: 3, missing: 0 };
const flip = { misrouted: 0, connectionErrors: 0, accepted: 9_000 };

test('a benchmark that kept its promises has nothing to say', () => {
  expect([...brokenBySwitchover([switchover]), ...brokenByPush([push]), ...brokenByFlip(flip)]).toEqual([]);
});

test.each([
  [
    brokenBySwitchover([switchover, { ...switchover, lostWrites: 2 }]),
    'mysql: expected 0 lost writes, seen 2 of 900 acknowledged',
  ],
  [
    brokenBySwitchover([{ ...switchover, acknowledgedWrites: 0 }]),
    'mysql: nobody wrote, so nothing was shown',
  ],
  [
    brokenByPush([push, { ...push, target: 'nacos', missing: 7 }]),
    'nacos: expected the document at every consumer within 3 s, and its acknowledgement; seen 7 of 4000 without',
  ],
  [brokenByFlip({ ...flip, misrouted: 1 }), 'expected 0 misrouted writes, seen 1'],
  [brokenByFlip({ ...flip, connectionErrors: 3 }), 'expected 0 connection errors, seen 3'],
  [brokenByFlip({ ...flip, accepted: 0 }), 'no write was accepted, so nothing was shown'],
])('%j', (broken, words) => {
  expect(broken).toEqual([words]);
});
