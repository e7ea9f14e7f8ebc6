import type { ManifestVersion } from './marks.ts';
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
  | {
      readonly ask: 'history';
      readonly store: string;
      readonly versions: readonly VersionRecord[];
      /** The last capture did not find the service any more: no version of it is applied. */
      readonly isRemoved: boolean;
    }
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

/** The version that a person means by `4.17`. */
export function versionOfText(text: string): ManifestVersion | undefined {
  const match = /^(\d+)\.(\d+)$/.exec(text);
  return match === null ? undefined : { epoch: Number(match[1]), sequence: Number(match[2]) };
}

/** Such names become paths in the store; none may lead out of it. */
export const isServiceName = (text: string): boolean => /^[^/.][^/]*\/[^/.][^/]*$/.test(text);

/** So many versions are named to somebody who asked for one that is not there. */
export const NAMED = 10;

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
  const known = versions.slice(0, NAMED).map(versionText).join(', ');
  const older = versions.length > NAMED ? ' and older ones' : '';
  return { problem: `${service} has no version ${wanted}; it has ${known}${older}` };
}
