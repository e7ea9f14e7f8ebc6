import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { httpRoutes, servicesOfHost, virtualServiceName } from '../../domain/kubernetes/virtual-service.ts';

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
  it('finds every object that answers for a host at the gateways, by short names too', () => {
    const route = (name: string, namespace: string, hosts: string[], gateways: string[]) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace },
      spec: { hosts, gateways },
    });
    const host = 'cart.example';
    const all = [
      route('long', 'shop', [host], ['istio-system/public']),
      route('short', 'istio-system', [host], ['public']),
      route('inside', 'shop', [host], ['mesh']),
      route('other', 'shop', ['mail.example'], ['istio-system/public']),
    ];
    expect(servicesOfHost(all, { host, mesh }).map(({ metadata }) => metadata.name)).toEqual([
      'long',
      'short',
    ]);
    expect(virtualServiceName('*.example')).toBe('siteshift-any.example');
  });
});
