import type { KubernetesObject } from './object.ts';
import type { HeadEntry, ServiceName, StoreHead, VersionRecord } from './store-records.ts';
import type { VersionDifference } from './version-differences.ts';

/** A question to the manifest store. Versions are written `<epoch>.<sequence>`, as captures name them. */
export type ManifestQuery = {
  /** Manifest store of the inventory; may be left out where there is only one. */
  readonly store?: string;
} & (
  | { readonly ask: 'head' }
  | { readonly ask: 'history'; readonly service: ServiceName; readonly limit?: number }
  | { readonly ask: 'show'; readonly service: ServiceName; readonly version?: string }
  | {
      readonly ask: 'diff';
      readonly service: ServiceName;
      /** Default: the version before `after`. */
      readonly before?: string;
      /** Default: the newest. */
      readonly after?: string;
    }
);

export type ManifestAnswer =
  | { readonly ask: 'head'; readonly store: string; readonly head: StoreHead }
  | { readonly ask: 'history'; readonly store: string; readonly versions: readonly VersionRecord[] }
  | {
      readonly ask: 'show';
      readonly store: string;
      readonly version: string;
      readonly objects: readonly KubernetesObject[];
    }
  | {
      readonly ask: 'diff';
      readonly store: string;
      readonly before: string;
      readonly after: string;
      readonly difference: VersionDifference;
    };

export const versionText = ({ epoch, sequence }: Pick<HeadEntry, 'epoch' | 'sequence'>): string =>
  `${epoch}.${sequence}`;

/** The version of that name in a history, newest first; the newest where none is named. */
export function versionNamed(
  versions: readonly VersionRecord[],
  service: ServiceName,
  wanted: string | undefined,
): { readonly version: VersionRecord } | { readonly problem: string } {
  const [newest] = versions;
  if (newest === undefined) return { problem: `the store has no service ${service}` };
  if (wanted === undefined) return { version: newest };
  const version = versions.find((one) => versionText(one) === wanted);
  if (version !== undefined) return { version };
  const known = versions.slice(0, 10).map(versionText).join(', ');
  return { problem: `${service} has no version ${wanted}; it has ${known}` };
}
