import { describe, expect, it } from 'vitest';
import { StepRefused } from '../../activities/define-step.ts';
import type { RestoreRecord } from '../../activities/kubernetes/velero.ts';
import { nameOf, record, scripted } from './scripted-velero.ts';

// What a person on call reads about a restore that does not end, after how long, and what is left to do about it.

const stalls = (standing: RestoreRecord, more: Partial<Parameters<typeof scripted>[0]> = {}) =>
  scripted({ phases: [], missing: [], standing: [standing], endsAfter: Infinity, ...more });
const objects = '2 objects (roles//r0, roles//r1)';

describe('a restore that does not move', () => {
  it('has not begun: says that Velero has to be started, and that forced goes on', async () => {
    const { clockMs, restored } = stalls(record(1, ''));
    await expect(restored()).rejects.toThrow(
      `restore ${nameOf(1)} on west is not begun, no progress for 301 s: is Velero running there? It looked into the bucket 301 s ago; start it: it then takes this restore up; then retry; forced goes on without the ${objects} that it was to bring`,
    );
    expect(clockMs()).toBe(300_500);
  });

  it('stands still in the middle: says that a restart of Velero ends it', async () => {
    await expect(stalls(record(1, 'InProgress')).restored()).rejects.toThrow(
      /is InProgress 1\/1, no progress for 301 s: .*; restart it: it then gives this restore up, and a retry has the rest restored; /,
    );
  });

  it('is behind the restore of somebody else that stands still, too: names that one', async () => {
    const others = [{ ...record(1, 'InProgress'), name: 'by-hand' }];
    await expect(stalls(record(1, 'New'), { others }).restored()).rejects.toThrow(
      /not begun, no progress for 301 s: Velero does one after the other, and is at by-hand \(InProgress 1\/1\), which does not move either: is Velero running there\? It looked into the bucket 301 s ago; a restart makes it give that one up and take up this one; /,
    );
  });

  it('is not stuck as long as the one before it moves; the time-out ends it all the same', async () => {
    const others = Array.from({ length: 5_000 }, (_, items) => ({
      ...record(1, 'InProgress'),
      name: 'by-hand',
      items,
    }));
    const { clockMs, restored } = stalls(record(1, 'New'), { others });
    const words = await restored().then(String, String);
    expect(words).toMatch(
      /not begun, and the time-out has passed: .* is at by-hand \(InProgress \d+\/1\); see to that one; /,
    );
    expect(words).not.toMatch(/restart/); // it would end the work of somebody else
    expect(clockMs()).toBe(600_500);
  });

  it('gets a minute more of a forced run, which says what it went on without', async () => {
    const { clockMs, restored } = stalls(record(1, ''), { style: 'forced' });
    await expect(restored()).rejects.toThrow(
      `takes this restore up; went on without the ${objects} that it was to bring`,
    );
    expect(clockMs()).toBe(60_500);
  });

  it('gets its whole time of a forced run that has just had it made', async () => {
    const { clockMs, restored } = scripted({ phases: [''], missing: [], style: 'forced' });
    await expect(restored()).rejects.toThrow(/not begun, no progress for 301 s/);
    expect(clockMs()).toBe(300_500);
  });
});

it('waits three minutes for a Velero that is not ready, and has no Restore made that would run at some later time', async () => {
  const { created, clockMs, restored } = scripted({ phases: [], missing: [], notReady: Infinity });
  await expect(restored()).rejects.toThrow(
    `west: waited in vain for the backup location of west: expected Available, seen Unavailable: is Velero running there? See to it, then retry; forced goes on without the ${objects} that it was to bring`,
  );
  expect([created, clockMs()]).toEqual([[], 180_000]);
});

it('has no Restore made when another operation has taken the cluster over while it waited', async () => {
  const mayStill = () => Promise.reject(new StepRefused(['west: the target holds epoch 5']));
  const { created, restored } = scripted({ phases: [], missing: [], notReady: 3, mayStill });
  await expect(restored()).rejects.toThrow('the target holds epoch 5');
  expect(created).toEqual([]);
});
