import { parentPort } from 'node:worker_threads';
import { ownersOf, type Ends, type Owner } from './socket-owners.ts';

export interface OwnerQuestion {
  readonly connections: readonly Ends[];
  readonly owners: readonly Owner[];
}

// The kernel's table is half a megabyte on a busy machine: reading it would hold up all bytes that pass meanwhile.
parentPort?.on('message', ({ connections, owners }: OwnerQuestion) => {
  parentPort?.postMessage(ownersOf(connections, owners));
});
