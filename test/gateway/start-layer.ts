import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder } from '../../lab/engines/cache.ts';
import { obtainHaproxy } from '../../lab/engines/haproxy.ts';
import {
  startAccessLayer,
  waitUntilServing,
  type AccessLayer,
  type AccessLayerOptions,
} from '../../lab/bench/access-layer.ts';
import { reservePorts } from '../../lab/process/ports.ts';
import { openSupervisor } from '../../lab/process/supervise.ts';

export interface TestLayer extends AccessLayer {
  close(): Promise<void>;
}

/** Three real HAProxy with their agents; the folder is short because unix sockets allow about 100 characters. */
export async function startLayer(
  more: Partial<Omit<AccessLayerOptions, 'supervisor' | 'ports' | 'haproxy'>> = {},
): Promise<TestLayer> {
  const folder = mkdtempSync(join(tmpdir(), 'gw-'));
  const supervisor = await openSupervisor({ stateFolder: folder, say: () => undefined });
  const ports = reservePorts(cacheFolder());
  const close = async () => {
    await supervisor.close();
    ports.release();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const haproxy = await obtainHaproxy(() => undefined);
    const options = {
      supervisor,
      ports,
      haproxy,
      gateways: ['gw-1', 'gw-2', 'gw-3'],
      units: { east: '0-59', west: '60-99' },
      ...more,
    };
    const layer = await startAccessLayer(options);
    await waitUntilServing(layer.gateways, 1);
    return { ...layer, close };
  } catch (error) {
    await close();
    throw error;
  }
}

export interface UnitWrite {
  readonly at: number;
  readonly user: string;
  readonly seq: number;
  readonly unit: string;
  readonly sentTo: string;
  readonly epoch: number;
  readonly bucket: number;
}

/** What the units accepted, in the order of time. */
export const writesOf = (layer: AccessLayer): readonly UnitWrite[] =>
  Object.values(layer.units)
    .flatMap(({ logFile }) => readFileSync(logFile, 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as UnitWrite)
    .sort((a, b) => a.at - b.at);
