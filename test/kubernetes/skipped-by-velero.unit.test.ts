import { describe, expect, it } from 'vitest';
import { velerosExceptions } from '../../domain/kubernetes/skipped-by-velero.ts';

const item = (resource: string, more: object = {}, name = 'one') => ({
  resource,
  name,
  namespace: 'shop',
  labels: {},
  object: { apiVersion: 'v1', kind: 'Any', metadata: { name }, ...more },
});
const volume = (persistentVolumeReclaimPolicy: string) =>
  item('persistentvolumes', { spec: { persistentVolumeReclaimPolicy } });
const token = (name: string) => item('secrets', { type: 'kubernetes.io/service-account-token' }, name);

describe('velerosExceptions', () => {
  it.each([
    ['a job that is over', item('jobs.batch', { status: { completionTime: '2026-11-02T10:00:00Z' } }), true],
    ['a job that failed', item('jobs.batch', { status: { failed: 1 } }), false],
    ['a job that runs', item('jobs.batch'), false],
    ['the token of an account, as old servers made them', token('deployer-token-x7k2p'), true],
    ['the token of the account of each namespace', token('default-token-x7k2p'), true],
    ['a token that somebody asked for', token('ci'), false],
    ['a token named like one of an account that is not there', token('gone-token-x7k2p'), false],
    ['a Secret named like a token', item('secrets', { type: 'Opaque' }, 'deployer-token-x7k2p'), false],
    ['a snapshot', item('volumesnapshots.snapshot.storage.k8s.io'), true],
    ['anything else', item('configmaps', { status: { completionTime: 'now' } }), false],
  ])('%s is one: %j', (_, one, expected) => {
    const isException = velerosExceptions([item('serviceaccounts', {}, 'deployer'), one], new Map());
    expect(isException(one)).toBe(expected);
  });

  it.each([
    [undefined, 'Delete', true],
    ['', 'Delete', true],
    [undefined, 'Retain', false],
    ['NativeSnapshot', 'Delete', false],
    ['CSISnapshot', 'Retain', true],
    ['PodVolumeBackup', 'Retain', true],
  ])('a volume kept by %s with reclaim policy %s is made anew: %s', (method, policy, expected) => {
    const volumes = new Map(method === undefined ? [] : [['one', method]]);
    expect(velerosExceptions([], volumes)(volume(policy))).toBe(expected);
  });
});
