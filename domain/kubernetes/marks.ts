import { createHash } from 'node:crypto';
import { canonicalJson } from '../json.ts';
import type { Stamp } from '../operation.ts';
import type { KubernetesObject } from './object.ts';

/** The one field manager of everything that siteshift applies: constant, so that a later apply can remove fields. */
export const fieldManager = 'siteshift';

/** Annotations that applyManifests leaves on each object. */
export const marks = {
  /** SHA-256 (hex) of the manifest as it stands in the store: equal means nothing has to be written. */
  digest: 'siteshift.dev/digest',
  /** Epoch and operation under which it was written last. */
  epoch: 'siteshift.dev/epoch',
  operation: 'siteshift.dev/operation',
  /** Version of the manifest in the store, `<epoch>.<sequence>`: an older one never replaces a newer one. */
  version: 'siteshift.dev/manifest-version',
} as const;

/** Label that Velero leaves on what it restored. */
export const restoredLabel = 'velero.io/restore-name';

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Digest of a manifest as stored: white space and the order of keys do not count. */
export const contentDigest = (manifest: KubernetesObject): string => sha256(canonicalJson(manifest));

/** A manifest as it comes out of the store. */
export interface StoredManifest {
  readonly object: KubernetesObject;
  readonly digest: string;
  readonly version: ManifestVersion;
  /** Its replicas are an autoscaler's: `object` holds the number to begin with, which is not compared. */
  readonly isAutoscaled?: true;
}

/** Versions of one store rise with the epoch, then with the number of the capture. */
export interface ManifestVersion {
  readonly epoch: number;
  readonly sequence: number;
}

/** Below zero when `first` is the older one. */
export const compareVersions = (first: ManifestVersion, second: ManifestVersion): number =>
  first.epoch - second.epoch || first.sequence - second.sequence;

export const versionText = ({ epoch, sequence }: ManifestVersion): string => `${epoch}.${sequence}`;

/** The manifest as it is sent: with our marks. */
export function marked({ object, digest, version }: StoredManifest, stamp: Stamp): KubernetesObject {
  return {
    ...object,
    metadata: {
      ...object.metadata,
      annotations: {
        ...object.metadata.annotations,
        [marks.digest]: digest,
        [marks.epoch]: String(stamp.epoch),
        [marks.operation]: stamp.operation,
        [marks.version]: versionText(version),
      },
    },
  };
}

/** The stamp that an object carries, if siteshift ever wrote it. */
export function stampOf(object: KubernetesObject): Stamp | undefined {
  const { [marks.epoch]: text, [marks.operation]: operation } = object.metadata.annotations ?? {};
  const epoch = Number(text);
  return text !== undefined && Number.isInteger(epoch) && operation !== undefined
    ? { epoch, operation }
    : undefined;
}

export function versionOf(object: KubernetesObject): ManifestVersion | undefined {
  const match = /^(\d+)\.(\d+)$/.exec(object.metadata.annotations?.[marks.version] ?? '');
  return match === null ? undefined : { epoch: Number(match[1]), sequence: Number(match[2]) };
}
