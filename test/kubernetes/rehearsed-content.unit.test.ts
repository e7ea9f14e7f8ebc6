import { expect, it } from 'vitest';
import { inspectImages } from '../../activities/kubernetes/content-inspection.ts';
import { decidePrepare } from '../../domain/kubernetes/decide-prepare.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';

const running = (...images: readonly string[]): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'cart', namespace: 'shop' },
  spec: { template: { spec: { containers: images.map((image) => ({ name: 'main', image })) } } },
});

it('names the registries that a standby must reach, and the images that may change', () => {
  const pinned = `registry.example:5000/cart@sha256:${'0'.repeat(64)}`;
  const found = inspectImages([running(pinned, 'nginx'), running('library/redis:7', 'localhost/tool:1')]);
  expect(found.map(({ level, seen }) => [level, seen])).toEqual([
    [
      'ok',
      '4 from docker.io, localhost, registry.example:5000: the standby must reach them without the lost site',
    ],
    ['warning', '3 without a digest: library/redis:7, localhost/tool:1, nginx'],
  ]);
  expect(inspectImages([])).toEqual([]);
});

it('prepares a standby from a backup, and from nothing else', () => {
  const seen = { cluster: 'west', backup: 'daily-1', rejected: [], definitions: 3, missing: ['a.example'] };
  expect(decidePrepare(seen)).toEqual({
    kind: 'apply',
    will: ['west: install 1 of 3 definitions from daily-1: a.example'],
  });
  expect(decidePrepare({ ...seen, missing: [] })).toMatchObject({ kind: 'already' });
  const none = { ...seen, backup: null, definitions: 0, missing: [] };
  expect(decidePrepare({ ...none, rejected: ['daily-1: its phase is Failed'] })).toEqual({
    kind: 'refuse',
    reasons: ['west: no backup says which definitions it needs', 'daily-1: its phase is Failed'],
  });
  expect(decidePrepare(none)).toMatchObject({ reasons: [expect.any(String), 'there is no backup at all'] });
});
