import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { obtainKubernetesPrograms } from '../../lab/kubernetes/programs.ts';

const VARIABLES = {
  etcd: 'SITESHIFT_ETCD',
  apiserver: 'SITESHIFT_KUBE_APISERVER',
  controllerManager: 'SITESHIFT_KUBE_CONTROLLER_MANAGER',
  scheduler: 'SITESHIFT_KUBE_SCHEDULER',
  kubectl: 'SITESHIFT_KUBECTL',
  kwok: 'SITESHIFT_KWOK',
  velero: 'SITESHIFT_VELERO',
  awsPlugin: 'SITESHIFT_VELERO_PLUGIN_FOR_AWS',
  versitygw: 'SITESHIFT_VERSITYGW',
};
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'siteshift-programs-'));
  for (const [program, variable] of Object.entries(VARIABLES)) {
    const file = join(folder, program);
    writeFileSync(file, '#!/bin/sh\n');
    chmodSync(file, 0o755);
    vi.stubEnv(variable, file);
  }
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it('takes every program from its variable, without looking further', async () => {
  const said: string[] = [];
  const programs = await obtainKubernetesPrograms((line) => said.push(line));
  expect(programs).toEqual(
    Object.fromEntries(Object.keys(VARIABLES).map((program) => [program, join(folder, program)])),
  );
  expect(said).toEqual([]);
});

it.each(Object.values(VARIABLES))('refuses %s when it names nothing', async (variable) => {
  vi.stubEnv(variable, join(folder, 'nothing'));
  await expect(obtainKubernetesPrograms(() => undefined)).rejects.toThrow(
    `${variable} names ${join(folder, 'nothing')}, which is not an executable file`,
  );
});
