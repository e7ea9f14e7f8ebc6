import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  classifyAnswer,
  fieldConflicts,
  nextAttemptIn,
  readStatus,
} from '../../domain/kubernetes/answers.ts';
import { findingsOf, imagesOf } from '../../domain/kubernetes/manifest-findings.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { gatherServices, matchesAny } from '../../domain/kubernetes/services.ts';
import { isCaptured, stripped } from '../../domain/kubernetes/strip.ts';

const live: KubernetesObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'cart',
    namespace: 'shop',
    uid: 'u',
    resourceVersion: '7',
    generation: 2,
    creationTimestamp: '2026-11-02T10:00:00Z',
    finalizers: ['x'],
    labels: { app: 'cart', 'velero.io/backup-name': 'b' },
    annotations: {
      'siteshift.dev/epoch': '3',
      team: 'shop',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    },
    managedFields: [{ manager: 'kubectl' }],
  },
  spec: {
    clusterIP: '10.0.0.1',
    clusterIPs: ['10.0.0.1'],
    ports: [{ port: 80, nodePort: 30001 }],
    selector: { app: 'cart' },
  },
  status: { loadBalancer: {} },
};

describe('stripped', () => {
  it('leaves a headless Service headless', () => {
    const spec = { clusterIP: 'None', clusterIPs: ['None'], selector: { app: 'cart' } };
    const headless = stripped({ ...live, spec });
    expect(headless['spec']).toEqual({ clusterIP: 'None', selector: { app: 'cart' } });
    expect(stripped(headless)).toEqual(headless);
  });

  it.each(['SingleStack', 'PreferDualStack', 'RequireDualStack'])(
    'keeps the policy %s, and leaves the families to the cluster',
    (ipFamilyPolicy) => {
      const spec = { clusterIPs: ['10.0.0.1', 'fd00::1'], ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy };
      expect(stripped({ ...live, spec })['spec']).toEqual({ ipFamilyPolicy });
    },
  );

  it('leaves what a team would have written', () => {
    expect(stripped(live)).toEqual({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'cart', namespace: 'shop', labels: { app: 'cart' }, annotations: { team: 'shop' } },
      spec: { ports: [{ port: 80 }], selector: { app: 'cart' } },
    });
  });
  it('is the same twice as once', () => {
    fc.assert(
      fc.property(fc.object({ maxDepth: 3 }), (members) => {
        const once = stripped({ ...members, ...live });
        expect(stripped(once)).toEqual(once);
      }),
    );
  });
  it.each([
    ['children of others', { ownerReferences: [{ kind: 'Configuration' }] }],
    ['what is being deleted', { deletionTimestamp: '2026-11-02T10:00:00Z' }],
  ])('leaves out %s', (_, metadata) => {
    expect(isCaptured({ ...live, metadata: { ...live.metadata, ...metadata } })).toBe(false);
  });
});

describe('gatherServices', () => {
  const named = (name: string, namespace: string, labels = {}) => ({
    ...live,
    metadata: { name, namespace, labels },
  });
  it('gathers by the label, or by the object itself, within the namespaces', () => {
    const settings = { namespaces: ['shop-*'], serviceLabel: 'app' };
    const objects = [
      named('a', 'shop-1', { app: 'cart' }),
      named('b', 'shop-1', { app: 'cart' }),
      named('c', 'shop-2'),
      named('d', 'kube-system'),
    ];
    const services = gatherServices(objects, settings);
    expect([...services].map(([name, members]) => [name, members.length])).toEqual([
      ['shop-1/cart', 2],
      ['shop-2/service.c', 1],
    ]);
  });
  it.each([
    [['a*c'], 'abc', true],
    [['a.c'], 'abc', false],
    [['b'], 'abc', false],
    [[], 'abc', true],
  ])('%s against %s: %s', (patterns, text, expected) => {
    expect(matchesAny(patterns, text)).toBe(expected);
  });
});

describe('findingsOf', () => {
  const good = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'shop' } };
  it.each([
    ['no object', 'text', /apiVersion: expected/],
    ['no name', { ...good, metadata: {} }, /metadata.name: expected a name/],
    ['no kind', { ...good, kind: '' }, /kind: expected/],
    [
      'a Secret in clear text',
      { ...good, kind: 'Secret', stringData: { password: 'x' } },
      /a Secret in clear text/,
    ],
    ['a Secret in base64', { ...good, kind: 'Secret', data: { password: 'eA==' } }, /a Secret in clear text/],
    [
      '2 MiB',
      { ...good, data: { blob: 'x'.repeat(2 ** 21) } },
      /2\.0 MiB: the API server takes 1\.4 MiB at most/,
    ],
    [
      'not stripped',
      { ...good, metadata: { ...good.metadata, uid: 'u' } },
      /metadata.uid belongs to a cluster/,
    ],
    ['a list', { ...good, kind: 'ConfigMapList' }, /a list/],
  ])('%s', (_, object, problem) => {
    expect(
      findingsOf(object, 'file.yaml')
        .map((one) => one.problem)
        .join('\n'),
    ).toMatch(problem);
  });
  it('never quotes a secret', () => {
    const secret = { ...good, kind: 'Secret', stringData: { password: 'hunter2' } };
    expect(JSON.stringify(findingsOf(secret, 'file.yaml'))).not.toContain('hunter2');
  });
  it('has nothing to say about a good one, nor about a Secret that others fill', () => {
    expect(findingsOf(good, 'x')).toEqual([]);
    expect(findingsOf({ ...good, kind: 'Secret' }, 'x')).toEqual([]);
  });
  it('finds images wherever a pod template stands', () => {
    const spec = {
      template: { spec: { containers: [{ image: 'a' }], initContainers: [{ image: 'b' }, { image: 'a' }] } },
    };
    expect(imagesOf({ ...good, spec })).toEqual(['a', 'b']);
  });
});

describe('answers', () => {
  const status = (code: number, more: object = {}) =>
    readStatus(code, JSON.stringify({ kind: 'Status', ...more }));
  it.each([
    [429, {}, 'busy'],
    [503, {}, 'passing'],
    [500, { message: 'failed calling webhook' }, 'passing'],
    [
      500,
      { message: 'failed to create typed patch object (a; apps/v1): .spec.x: field not declared in schema' },
      'final',
    ],
    [403, { message: 'forbidden: User cannot patch' }, 'doubtful'],
    [403, { message: 'exceeded quota: pods' }, 'final'],
    [403, { details: { causes: [{ reason: 'NamespaceTerminating' }] } }, 'passing'],
    [409, { reason: 'AlreadyExists' }, 'passing'],
    [409, { reason: 'Conflict' }, 'final'],
    [422, {}, 'final'],
    [404, {}, 'final'],
  ])('%i %j is %s', (code, more, expected) => {
    expect(classifyAnswer(status(code, more))).toBe(expected);
  });
  it('names the other manager of a conflict', () => {
    const causes = [
      {
        reason: 'FieldManagerConflict',
        message: 'conflict with "kubectl-edit" using apps/v1',
        field: '.spec.replicas',
      },
    ];
    expect(fieldConflicts(status(409, { reason: 'Conflict', details: { causes } }))).toEqual([
      { manager: 'kubectl-edit', field: '.spec.replicas' },
    ]);
  });
  it('survives a body that is no JSON', () => {
    expect(readStatus(502, '<html>bad gateway</html>')).toMatchObject({
      code: 502,
      message: '<html>bad gateway</html>',
    });
  });
  it('waits at least what the server asks for, and never beyond the patience', () => {
    fc.assert(
      fc.property(
        fc.nat(60_000),
        fc.nat(200_000),
        fc.integer({ min: 1, max: 50 }),
        (retryAfterMs, elapsedMs, attempt) => {
          const wait = nextAttemptIn({ class: 'busy', attempt, elapsedMs, retryAfterMs, random: 0.5 });
          const isGivenUp = elapsedMs + Math.max(retryAfterMs * 1.25, 3_000) > 120_000;
          const isWaiting = wait !== undefined && wait >= retryAfterMs && elapsedMs + wait <= 120_000;
          expect(isWaiting || (wait === undefined && isGivenUp)).toBe(true);
        },
      ),
    );
    expect(nextAttemptIn({ class: 'final', attempt: 1, elapsedMs: 0, random: 0 })).toBeUndefined();
  });
});
