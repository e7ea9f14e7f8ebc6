import { describe, expect, it } from 'vitest';
import { describeObject, type KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { platformObjects } from '../../lab/kubernetes/platform-objects.ts';
import { parseObjects } from '../../lab/kubernetes/module-files.ts';
import { SERVICE_NAMESPACES, serviceObjects } from '../../lab/kubernetes/service-objects.ts';

const identity = (object: KubernetesObject) => `${object.apiVersion} ${describeObject(object)}`;
const { definitions, namespaces, rest } = platformObjects(SERVICE_NAMESPACES);
const platform = [...definitions, ...namespaces, ...rest];

describe('the demo objects', () => {
  it('are at least 300 of the platform and 200 of services, each once', () => {
    const services = serviceObjects();
    expect(platform.length).toBeGreaterThanOrEqual(300);
    expect(services.length).toBeGreaterThanOrEqual(200);
    const all = [...platform, ...services].map(identity);
    expect(new Set(all).size).toBe(all.length);
  });

  it('stand in namespaces that the platform makes', () => {
    const made = new Set(namespaces.map(({ metadata }) => metadata.name));
    const used = [...rest, ...serviceObjects()].map(({ metadata }) => metadata.namespace);
    expect(used.filter((one) => one !== undefined && !made.has(one))).toEqual([]);
  });

  it('grow to any number of services, with one VirtualService per host', () => {
    const services = serviceObjects({
      knativeServices: 300,
      deployments: 250,
      configMaps: 250,
      virtualServices: 200,
    });
    expect(new Set(services.map(identity)).size).toBe(1_000);
    const hosts = services
      .filter(({ kind }) => kind === 'VirtualService')
      .flatMap(({ spec }) => (spec as { hosts: string[] }).hosts);
    expect(new Set(hosts).size).toBe(200);
  });
});

describe('YAML of modules', () => {
  it('is read object by object', () => {
    const yaml = 'apiVersion: v1\nkind: A\nmetadata: { name: a }\n---\n---\nkind: B\n';
    expect(parseObjects(yaml, 'x.yaml').map(({ kind }) => kind)).toEqual(['A', 'B']);
  });

  it('is refused when it is broken, with the file', () => {
    expect(() => parseObjects('a: [', 'broken.yaml')).toThrow(/^broken\.yaml: /);
  });
});
