import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { mapping, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { isContentUsed, type BackupItem } from '../../domain/kubernetes/restore-plan.ts';
import { isShiftedRoute } from '../../domain/kubernetes/virtual-service.ts';
import { againWhenReplaced } from './s3-download.ts';
import type { Bucket } from './s3.ts';
import { readTar, type TarFile } from './tar.ts';

/** An object of a backup. Of what nobody brings back by its content, only the metadata. */
export interface BackupObject extends BackupItem {
  readonly object: KubernetesObject;
}

/** The archive itself is bad, whoever reads it and when: another backup has to do. */
export class BrokenArchiveError extends Error {
  override readonly name = 'BrokenArchiveError';
}

/**
 * Reads the whole archive of a backup, which also proves that it can be read. It is unpacked as it arrives: those of
 * large clusters have hundreds of megabytes, most of them pods and events, of which only names are kept here.
 * @throws BrokenArchiveError that says where; what the bucket throws is handed on, and says nothing about the archive
 */
export async function readArchive(bucket: Bucket, name: string): Promise<readonly BackupObject[]> {
  const key = `backups/${name}/${name}.tar.gz`;
  return againWhenReplaced(async () => {
    const stored = await bucket.read(key);
    if (stored === undefined) throw new BrokenArchiveError(`${bucket.where}${key} is missing`);
    const source = watched(stored.pieces);
    try {
      return await readObjects(filesIn(source.pieces));
    } catch (error) {
      source.assertWell();
      throw new BrokenArchiveError(
        `${bucket.where}${key} (${source.bytes()} bytes read) is truncated or corrupted: ${String(error)}`,
        { cause: error },
      );
    }
  });
}

/** A store that breaks off must not be taken for an archive that is broken: an older one would be restored instead. */
function watched(pieces: AsyncIterable<Buffer>) {
  let bytes = 0;
  let failed: { readonly error: unknown } | undefined;
  async function* passed(): AsyncGenerator<Buffer> {
    try {
      for await (const piece of pieces) {
        bytes += piece.length;
        yield piece;
      }
    } catch (error) {
      failed = { error };
      throw error;
    }
  }
  return {
    pieces: passed(),
    bytes: () => bytes,
    assertWell: () => {
      if (failed !== undefined) throw failed.error;
    },
  };
}

/** The files of objects of a packed archive, each once: one after the other, as they are taken. */
export function filesIn(packed: AsyncIterable<Buffer>): AsyncIterable<TarFile> {
  const unpacked = pipeline(packed, createGunzip({ chunkSize: 64 * 1_024 }), () => undefined); // errors come out of it
  return readTar(unpacked, (path) => itemOf(path) !== undefined);
}

async function readObjects(files: AsyncIterable<TarFile>): Promise<readonly BackupObject[]> {
  const objects: BackupObject[] = [];
  for await (const { path, body } of files) {
    const item = itemOf(path);
    if (item === undefined) continue;
    const object = JSON.parse(body.toString('utf8')) as KubernetesObject;
    objects.push({
      ...item,
      labels: object.metadata.labels ?? {},
      ...(isShiftedRoute(object) ? { isShifted: true } : {}), // said by its managed fields, which are not kept
      object: keptOf(object, item),
    });
  }
  return objects;
}

/** Managed fields are half of many an object, and belong to the cluster that it comes from. */
function keptOf(object: KubernetesObject, { resource }: Pick<BackupItem, 'resource'>): KubernetesObject {
  const { managedFields: _, ...metadata } = object.metadata;
  const { apiVersion, kind } = object;
  if (isContentUsed(resource)) return { ...object, metadata };
  const isBare = resource === 'pods' && (metadata.ownerReferences ?? []).length === 0;
  const { phase } = isBare ? mapping(object['status']) : {}; // one that is over is not missed
  return { apiVersion, kind, metadata, ...(phase === undefined ? {} : { status: { phase } }) };
}

/** `resources/<resource>/{cluster|namespaces/<namespace>}/<name>.json`; each version lies there once more, in between. */
function itemOf(path: string): Omit<BackupItem, 'labels'> | undefined {
  const match = /^resources\/([^/]+)\/(?:cluster|namespaces\/([^/]+))\/(.+)\.json$/.exec(path);
  if (match === null) return undefined;
  const [, resource = '', namespace, name = ''] = match;
  return { resource, name, ...(namespace === undefined ? {} : { namespace }) };
}
