import { describe, expect, it } from 'vitest';
import { countKinds, lossesOf, refusedLosses } from '../../domain/kubernetes/capture-losses.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import {
  emptyHead,
  judgeCapture,
  nextHead,
  sameHead,
  type Capture,
} from '../../domain/kubernetes/store-records.ts';

const KNATIVE = 'Service.serving.knative.dev';
const object = (apiVersion: string, kind: string, name: string): KubernetesObject => ({
  apiVersion,
  kind,
  metadata: { name, namespace: 'shop' },
});
/** So many services of a Knative Service and a ConfigMap each. */
const captured = (services: number, knative: number): Capture => ({
  cluster: 'east',
  epoch: 1,
  capturedAt: 100,
  replicas: {},
  services: new Map(
    Array.from({ length: services }, (_, index) => [
      `shop/s${index}`,
      [
        object('v1', 'ConfigMap', `s${index}`),
        ...(index < knative ? [object('serving.knative.dev/v1', 'Service', `s${index}`)] : []),
      ],
    ]),
  ),
});
const full = nextHead(emptyHead, captured(200, 200), []);
/** What is asked about when the store of 200 services sees this. */
const asked = (seen: Capture, notServed: readonly string[] = [], head = full) => {
  const verdict = judgeCapture(head, seen);
  const gone = verdict.kind === 'write' ? verdict.gone : [];
  const lost = lossesOf(head.kinds ?? {}, countKinds(seen.services));
  const [cluster, store, stored] = ['east', 'manifests', Object.keys(head.services).length];
  return refusedLosses({ cluster, store, stored, gone, goneTotal: gone.length, lost, notServed });
};

describe('what a capture may not drop without being asked', () => {
  it('is a kind that all services lost, although no service is gone', () => {
    expect(judgeCapture(full, captured(200, 0))).toMatchObject({ kind: 'write', gone: [] });
    expect(asked(captured(200, 0))).toEqual([
      `east lacks 200 of the 200 ${KNATIVE} in manifests: accept acceptGone if they were removed on purpose`,
    ]);
  });

  it('is a kind that the cluster does not serve, however few there were', () => {
    const head = nextHead(emptyHead, captured(200, 1), []);
    expect(asked(captured(200, 0), [KNATIVE], head)).toEqual([
      `east does not serve ${KNATIVE}, and manifests holds 1 of them: accept acceptGone if they were removed on purpose`,
    ]);
    expect(asked(captured(200, 0), [], head)).toEqual([]);
  });

  it('is a quarter of the services', () => {
    expect(asked(captured(149, 149))[0]).toMatch(/^east lacks 51 of the 200 services in manifests \(shop\//);
  });

  it.each([
    ['the same', captured(200, 200), []],
    ['a quarter less', captured(200, 150), []],
    ['more', captured(300, 300), []],
    ['a kind that the store never had', captured(200, 200), ['VirtualService.networking.istio.io']],
  ])('is nothing of %s', (_, seen, notServed) => {
    expect(asked(seen, notServed)).toEqual([]);
  });

  it('is counted again by a capture that found nothing changed: older heads have no numbers', () => {
    const { kinds, ...old } = full;
    expect(kinds).toEqual({ ConfigMap: 200, [KNATIVE]: 200 });
    expect(sameHead(old, captured(200, 200)).kinds).toEqual(kinds);
    expect(asked(captured(200, 0), [], old)).toEqual([]);
  });
});
