import { parentPort } from 'node:worker_threads';
import { ownersOf, type Owner } from './socket-owners.ts';

export interface OwnerQuestion {
  readonly ports: readonly number[];
  readonly owners: readonly Owner[];
}

// The kernel's table is half a megabyte on a busy machine: reading it would hold up all bytes that pass meanwhile.
parentPort?.on('message', ({ ports, owners }: OwnerQuestion) => {
  parentPort?.postMessage(ownersOf(ports, owners));
});
