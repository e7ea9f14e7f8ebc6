import type { Inventory } from './inventory.ts';
import type { S3Settings } from './kubernetes.ts';
import type { Loaded } from './load.ts';
import { inFileOrder, ProblemList } from './problem.ts';
import type { Path, Problem } from './problem.ts';

export interface SecretUse {
  readonly reference: string;
  readonly path: Path;
}

/** Every secret that the worker itself resolves. A datasource's password is not among them: its consumers do that. */
export function secretsOf(inventory: Inventory): readonly SecretUse[] {
  const uses: SecretUse[] = [];
  const use = (reference: string | undefined, ...path: Path): void => {
    if (reference !== undefined) uses.push({ reference, path });
  };
  for (const [name, cluster] of Object.entries(inventory.databases)) {
    use(cluster.admin.password, 'databases', name, 'admin', 'password');
    use(cluster.replication.password, 'databases', name, 'replication', 'password');
  }
  for (const [name, { auth }] of Object.entries(inventory.configCenters))
    use(auth?.password, 'configCenters', name, 'auth', 'password');
  for (const [name, { token }] of Object.entries(inventory.collectors))
    use(token, 'collectors', name, 'token');
  for (const key of ['ca', 'cert', 'key'] as const) use(inventory.gatewayTls?.[key], 'gatewayTls', key);
  for (const [name, { token }] of Object.entries(inventory.hooks)) use(token, 'hooks', name, 'token');
  return [...uses, ...kubernetesSecrets(inventory)];
}

function kubernetesSecrets({ kubernetes }: Inventory): readonly SecretUse[] {
  if (kubernetes === undefined) return [];
  const { clusters, backupLocations, manifestStores } = kubernetes;
  return [
    ...Object.entries(clusters).map(([name, { kubeconfig }]) => ({
      reference: kubeconfig,
      path: ['kubernetes', 'clusters', name, 'kubeconfig'],
    })),
    ...Object.entries(backupLocations).flatMap(([name, location]) =>
      storageSecrets(location, ['kubernetes', 'backupLocations', name]),
    ),
    ...Object.entries(manifestStores).flatMap(([name, store]) =>
      store.kind === 's3' ? storageSecrets(store, ['kubernetes', 'manifestStores', name]) : [],
    ),
  ];
}

const storageSecrets = (storage: S3Settings, path: Path): readonly SecretUse[] =>
  (['accessKey', 'secretKey', 'sessionToken'] as const).flatMap((key) => {
    const reference = storage[key];
    return reference === undefined ? [] : [{ reference, path: [...path, key] }];
  });

/**
 * Tries every secret where the process stands that needs it. Only the reference is ever shown.
 * @param read resolves a reference; rejects, or gives an empty text, when there is no such secret
 */
export async function checkSecrets(
  inventory: Loaded<Inventory>,
  read: (reference: string) => Promise<string>,
): Promise<readonly Problem[]> {
  const problems = new ProblemList(inventory.file, inventory.locate);
  for (const { reference, path } of secretsOf(inventory.value)) {
    const trouble = await troubleWith(reference, read);
    if (trouble !== undefined)
      problems.add(path, 'a secret that this process can read', `${reference} (${trouble})`);
  }
  return inFileOrder(problems.found);
}

/** Why it cannot be read. The reader's own message is not repeated: nobody knows what it quotes. */
async function troubleWith(
  reference: string,
  read: (reference: string) => Promise<string>,
): Promise<string | undefined> {
  try {
    return (await read(reference)).trim() === '' ? 'empty' : undefined;
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    return typeof code === 'string' && /^[A-Z_]{2,30}$/.test(code)
      ? code
      : reference.startsWith('env:')
        ? 'not set'
        : 'not readable';
  }
}
