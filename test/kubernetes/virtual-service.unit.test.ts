import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import {
  httpRoutes,
  isRouted,
  objections,
  servicesOfHost,
  virtualService,
  virtualServiceName,
} from '../../domain/kubernetes/virtual-service.ts';

describe('a VirtualService', () => {
  const mesh = {
    namespace: 'shop',
    service: 'cart',
    gateways: ['istio-system/public'],
    localGateway: 'local.istio',
  };
  it('rewrites the authority for the whole route, or per destination when the route is shared', () => {
    expect(httpRoutes(mesh, undefined)).toMatchObject([
      { rewrite: { authority: 'cart.shop.svc.cluster.local' } },
    ]);
    fc.assert(
      fc.property(fc.nat(100), (percent) => {
        const [route] = httpRoutes(mesh, { service: 'next', percent }) as [
          { rewrite?: object; route: { weight: number; headers: object }[] },
        ];
        expect(route.route.reduce((total, { weight }) => total + weight, 0)).toBe(100);
        expect(route.rewrite).toBeUndefined();
        expect(route.route[1]).toMatchObject({
          weight: percent,
          headers: { request: { set: { Host: 'next.shop.svc.cluster.local' } } },
        });
      }),
    );
  });
  const route = (
    hosts: string[],
    gateways: string[] | undefined,
    metadata: object = {},
  ): KubernetesObject => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'VirtualService',
    metadata: { name: 'cart', namespace: 'istio-system', ...metadata },
    spec: { hosts, ...(gateways === undefined ? {} : { gateways }), http: httpRoutes(mesh, undefined) },
  });
  const host = 'cart.example';
  const stamp = { epoch: 3, operation: 'run-3' };
  it.each<[string, KubernetesObject, boolean]>([
    ['the host at its gateway', route([host], ['istio-system/public']), true],
    ['the gateway by its short name, and one besides', route([host], ['public', 'mesh']), true],
    ['a gateway is missing', route([host], ['istio-system/internal']), false],
    ['no gateway means the sidecars', route([host], undefined), false],
    ['another host, too', route([host, 'mail.example'], ['public']), false],
    ['another host', route(['mail.example'], ['public']), false],
  ])('is as wanted or not: %s', (_, live, expected) => {
    expect(isRouted(live, { host, mesh })).toBe(expected);
  });
  it('takes the host off no gateway, and is as wanted once it is applied', () => {
    const gateways = (live: KubernetesObject | undefined) => {
      const applied = virtualService({ host, mesh }, live, stamp);
      expect(isRouted(applied, { host, mesh })).toBe(true);
      return (applied['spec'] as { gateways: unknown }).gateways;
    };
    expect(gateways(undefined)).toEqual(['istio-system/public']);
    expect(gateways(route([host], ['mesh']))).toEqual(['mesh', 'istio-system/public']);
    expect(gateways(route([host], ['public']))).toEqual(['public']);
    expect(gateways(route([host], undefined))).toEqual(['mesh', 'istio-system/public']);
  });
  it('is not changed for one host when it is of others, or of a controller', () => {
    expect(objections(route([host], ['public']), host)).toEqual([]);
    const ownerReferences = [{ kind: 'Ingress', name: 'cart', controller: true }];
    expect(objections(route([host, 'mail.example'], ['public'], { ownerReferences }), host)).toEqual([
      'cart.example: VirtualService istio-system/cart is of mail.example, too, which would lose its routes; give the host a VirtualService of its own',
      'cart.example: VirtualService istio-system/cart belongs to Ingress cart, whose controller would put it back; have that one give the host up first',
    ]);
  });
  it('finds the object that we would apply onto, wherever it is bound', () => {
    const own = { name: virtualServiceName(host), namespace: mesh.namespace };
    const all = [route([host], ['istio-system/internal'], own), route([host], ['mesh'])];
    expect(servicesOfHost(all, { host, mesh })).toEqual([all[0]]);
  });
  it('finds every object that answers for a host at the gateways, by short names too', () => {
    const all = [
      route([host], ['istio-system/public'], { name: 'long', namespace: 'shop' }),
      route([host], ['public'], { name: 'short', namespace: 'istio-system' }),
      route([host], ['mesh'], { name: 'inside', namespace: 'shop' }),
      route(['mail.example'], ['istio-system/public'], { name: 'other', namespace: 'shop' }),
    ];
    expect(servicesOfHost(all, { host, mesh }).map(({ metadata }) => metadata.name)).toEqual([
      'long',
      'short',
    ]);
    expect(virtualServiceName('*.example')).toBe('siteshift-any.example');
  });
});
