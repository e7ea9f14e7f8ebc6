import { mkdirSync, rmSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { flags } from './control-plane.ts';
import type { Supervised, Supervisor } from '../process/supervise.ts';

/** The S3 store that both sites reach. */
export interface ObjectStore {
  /** The running one; `setReadOnly` replaces it. */
  readonly process: Supervised;
  /** http on loopback: there the AWS SDK sends plain signed bodies, without the chunk framing that stores trip over. */
  readonly url: string;
  readonly region: string;
  /** Velero's bucket. */
  readonly bucket: string;
  /** An empty bucket for a manifest store. */
  readonly manifestBucket: string;
  readonly accessKey: string;
  readonly secretKey: string;
  /** Objects are files below this folder, one folder per bucket: made to be looked at, truncated and corrupted. */
  readonly folder: string;
  /** Restarts the store so that it refuses, or takes, writes: looking at the bucket goes on to work. */
  setReadOnly(readOnly: boolean): Promise<void>;
}

export async function startObjectStore(options: {
  readonly supervisor: Supervisor;
  readonly program: string;
  readonly folder: string;
  readonly port: number;
}): Promise<ObjectStore> {
  const { supervisor, program, port } = options;
  const folder = join(options.folder, 'buckets');
  const metadata = join(options.folder, 'metadata');
  rmSync(options.folder, { recursive: true, force: true });
  const [bucket, manifestBucket] = ['backups', 'manifests'];
  for (const made of [join(folder, bucket), join(folder, manifestBucket), metadata])
    mkdirSync(made, { recursive: true });
  const [accessKey, secretKey] = [`lab${randomBytes(6).toString('hex')}`, randomBytes(24).toString('hex')];
  const url = `http://127.0.0.1:${port}`;
  const region = 'us-east-1';
  const start = (readOnly: boolean) =>
    supervisor.start({
      name: 'object-store',
      command: program,
      // The side folder keeps what S3 knows beyond the bytes: not every file system has extended attributes.
      args: [
        ...flags({ port: `127.0.0.1:${port}`, region, health: '/healthz', quiet: true, readonly: readOnly }),
        'posix',
        ...flags({ sidecar: metadata }),
        folder,
      ],
      env: { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey },
      ports: { http: port },
      readyWithinMs: 60_000,
      ready: () => checkHealth(`${url}/healthz`),
    });
  let process = await start(false);
  return {
    get process() {
      return process;
    },
    url,
    region,
    bucket,
    manifestBucket,
    accessKey,
    secretKey,
    folder,
    setReadOnly: async (readOnly) => {
      await process.stop();
      process = await start(readOnly);
    },
  };
}

async function checkHealth(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
  await response.text();
  if (!response.ok) throw new Error(`${url}: expected status 200, seen ${response.status}`);
}
