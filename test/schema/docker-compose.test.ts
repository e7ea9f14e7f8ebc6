import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../agents/gateway/config.ts';
import { bucketsOf } from '../../domain/bucket-ranges.ts';
import type { Inventory } from '../../domain/schema/inventory.ts';
import { loadInventory } from '../../domain/schema/load.ts';
import { searchAttributes } from '../../domain/search-attributes.ts';
import { composeHaproxyConfig } from '../../lab/compose/haproxy-config.ts';
import { repositoryFile } from '../../lab/sites/start-worker.ts';
import type { AppConfig } from '../../lab/unit-app/main.ts';
import { composeSchema, composeText, readComposeFile, serviceOf } from './compose-file.ts';

const compose = readComposeFile();
const services = Object.entries(compose.services);
const service = (name: string) => serviceOf(compose, name);

function inventory(): Inventory {
  const loaded = loadInventory(composeText('siteshift.yaml'), 'siteshift.yaml');
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return loaded.value;
}

describe('docker-compose.yml', () => {
  test('fits the JSON Schema of the Compose specification, which refuses a misspelt key', async () => {
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(await composeSchema());
    validate(compose);
    expect(validate.errors ?? []).toEqual([]);
    expect(validate({ ...compose, services: { a: { imagee: 'x' } } })).toBe(false);
  }, 120_000);

  test('mounts only files that exist and volumes that it declares', () => {
    const mounts = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(':')[0] ?? ''),
    );
    const files = mounts.filter((source) => source.startsWith('.'));
    expect(files.length).toBeGreaterThan(10);
    expect(files.filter((file) => !existsSync(repositoryFile(file)))).toEqual([]);
    const named = mounts.filter((source) => !source.startsWith('.'));
    expect([...new Set(named)].sort()).toEqual(Object.keys(compose.volumes).sort());
    const configs = services.flatMap(([, { configs: used = [] }]) => used.map(({ source }) => source));
    expect([...new Set(configs)].sort()).toEqual(Object.keys(compose.configs).sort());
  });

  test('runs only programs of this repository that exist', () => {
    const programs = services.flatMap(([, { command = [] }]) =>
      command.filter((word) => word.endsWith('.ts')),
    );
    expect(new Set(programs).size).toBe(4);
    expect(programs.filter((program) => !existsSync(repositoryFile(program)))).toEqual([]);
  });

  test('waits for services that exist, and for health only where it is checked', () => {
    const waits = services.flatMap(([, { depends_on: waited = {} }]) => Object.entries(waited));
    expect(waits.length).toBeGreaterThan(10);
    const wrong = waits.filter(
      ([name, { condition }]) => condition === 'service_healthy' && service(name).healthcheck === undefined,
    );
    expect(wrong).toEqual([]);
  });

  test('publishes ports on the loopback address only', () => {
    const ports = services.flatMap(([, { ports: published = [] }]) => published);
    expect(ports).toContain('127.0.0.1:8233:8233');
    expect(ports.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
  });

  test('pins every image to a version', () => {
    const images = services.map(([, { image = '' }]) => image);
    expect(images.filter((image) => !/^[^:]+:(v?\d[\w.-]*|local)$/.test(image))).toEqual([]);
  });

  test('gives Temporal the search attributes of the product', () => {
    const options = (service('temporal').command ?? []).filter((word) =>
      word.startsWith('--search-attribute='),
    );
    const wanted = Object.entries(searchAttributes).map(
      ([name, type]) => `--search-attribute=${name}=${type}`,
    );
    expect(options).toEqual(wanted);
  });
});

describe('its inventory', () => {
  test('has no problems, and names only hosts that are services', () => {
    const { databases, configCenters, collectors, gateways } = inventory();
    const hosts = [
      ...Object.values(databases).flatMap(({ nodes }) => Object.values(nodes).map(({ host }) => host)),
      ...Object.values(configCenters).flatMap((center) =>
        center.kind === 'etcd' ? center.endpoints : [center.url],
      ),
      ...Object.values(collectors).map(({ url }) => url),
      ...Object.values(gateways).flatMap(({ agent, endpoint }) => [agent, endpoint]),
    ].map((host) => (host.includes('//') ? new URL(host).hostname : host));
    expect(hosts.length).toBe(12);
    expect(hosts.filter((host) => compose.services[host] === undefined)).toEqual([]);
  });

  test('takes its secrets from variables that worker, preparation and applications have', () => {
    const { databases, datasources } = inventory();
    const accounts = [
      ...Object.values(databases).flatMap(({ admin, replication }) => [admin, replication]),
      ...Object.values(datasources),
    ];
    const variables = accounts.map(({ password }) => password.replace('env:', ''));
    expect(variables.length).toBe(6);
    for (const name of ['worker', 'prepare', 'app-east', 'app-west'])
      expect(Object.keys(service(name).environment ?? {})).toEqual(expect.arrayContaining(variables));
  });

  test('has the server names that the database services report', () => {
    for (const [name, { nodes }] of Object.entries(inventory().databases))
      for (const node of Object.keys(nodes)) {
        expect(service(node).command).toContain(`--report-host=${node}`);
        expect(service(node).volumes).toContain(
          `./lab/compose/${name}.sql:/docker-entrypoint-initdb.d/${name}.sql:ro`,
        );
      }
  });
});

describe('its gateway', () => {
  test('runs the proxy configuration that the product generates', () => {
    expect(composeText('haproxy.cfg')).toBe(composeHaproxyConfig());
  });

  test('has an agent whose file is valid and agrees with the inventory', () => {
    const agent = parseConfig(JSON.parse(composeText('gateway-agent.json')), 'gateway-agent.json');
    const { domain, routing, gateways } = inventory();
    expect(agent).toMatchObject({ domain, leaseMs: routing?.leaseMs, buckets: routing?.buckets });
    expect(gateways[agent.gateway]?.agent).toBe(`http://gateway-agent:${agent.listen.port}`);
    for (const [unit, { buckets }] of Object.entries(routing?.units ?? {})) {
      const home = bucketsOf(buckets, agent.buckets);
      expect(home.ok && home.buckets.every((bucket) => agent.initial?.[bucket]?.unit === unit)).toBe(true);
    }
    const config = composeText('haproxy.cfg');
    expect(config).toContain(agent.haproxy.unitsMap);
    expect(config).toContain(agent.haproxy.leaseMap);
    expect(service('gateway').command).toContain(agent.haproxy.masterSocket);
  });
});

test.each(['east', 'west'])('the application of %s follows what the inventory publishes', (site) => {
  const config = JSON.parse(composeText(`app-${site}.json`)) as AppConfig;
  const { datasources, configCenters, collectors } = inventory();
  expect(config).toMatchObject({ unit: site, site, host: '0.0.0.0', port: 7100 });
  const followed = config.followers.map(({ datasource, key, group, center }) => ({
    datasource,
    key,
    group,
    center,
  }));
  const published = Object.entries(datasources).map(
    ([
      datasource,
      {
        publishTo: [first],
      },
    ]) => {
      const center = configCenters[first?.center ?? ''];
      const isNacos = center?.kind === 'nacos';
      const where = isNacos
        ? { kind: 'nacos', url: center.url }
        : { kind: 'etcd', endpoints: center?.endpoints };
      return { datasource, key: first?.key, group: isNacos ? first?.group : undefined, center: where };
    },
  );
  expect(followed).toEqual(published);
  for (const follower of config.followers)
    expect(follower.collectors).toEqual(Object.values(collectors).map(({ url }) => ({ url })));
});

test('the image holds every folder that its programs import from', () => {
  const allowed = composeText('Dockerfile.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  expect(allowed.filter((entry) => !existsSync(repositoryFile(entry)))).toEqual([]);
  const imported = new Set<string>();
  for (const folder of allowed.filter((entry) => !entry.includes('.')))
    for (const entry of readdirSync(repositoryFile(folder), { recursive: true, withFileTypes: true })) {
      if (!entry.isFile() || !entry.name.endsWith('.ts')) continue;
      const text = readFileSync(join(entry.parentPath, entry.name), 'utf8');
      for (const [, path] of text.matchAll(/from '(?:\.\.\/)+([a-z-]+)\//g))
        if (path !== undefined) imported.add(path);
    }
  const folders = readdirSync(repositoryFile('.'), { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  const needed = folders.map(({ name }) => name).filter((name) => imported.has(name));
  expect(needed.filter((name) => !allowed.includes(name))).toEqual([]);
  expect(composeText('Dockerfile')).not.toMatch(/^FROM .*alpine/m);
});
